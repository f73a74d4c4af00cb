import * as z from 'zod/mini'
import { mapOf, members } from '../config/schema-values.ts'
import { described } from '../described.ts'

/**
 * The body of a PATCH of what a schema describes (JSON Merge Patch, RFC 7396): every member may be left
 * out, and be null to take it away; members that the schema does not know are refused. What comes of it
 * is for the schema itself to judge.
 */
export function patchSchema(schema: z.ZodMiniObject): z.ZodMiniObject {
  return members(
    Object.fromEntries(
      Object.entries(schema.shape).map(([name, member]) => [
        name,
        describedAs(member, optionalOrNull(member)),
      ]),
    ),
  )
}

function optionalOrNull(member: z.core.$ZodType): z.ZodMiniType {
  return z.optional(z.nullable(patchOf(member)))
}

function patchOf(schema: z.core.$ZodType): z.ZodMiniType {
  if (
    schema instanceof z.ZodMiniOptional ||
    schema instanceof z.ZodMiniDefault ||
    schema instanceof z.ZodMiniPrefault
  ) {
    return patchOf(schema.def.innerType)
  }
  if (schema instanceof z.ZodMiniObject) return patchSchema(schema)
  if (schema instanceof z.ZodMiniRecord) {
    return mapOf(
      schema.def.keyType as z.ZodMiniType<string, string>,
      z.nullable(patchOf(schema.def.valueType)),
    )
  }
  return schema as z.ZodMiniType
}

function describedAs(member: z.core.$ZodType, patch: z.ZodMiniType): z.ZodMiniType {
  const description = z.globalRegistry.get(member)?.description
  return description === undefined ? patch : described(patch, description)
}
