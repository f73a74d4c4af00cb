import * as z from 'zod'
import { mapOf, members } from '../config/schema-values.ts'

/**
 * The body of a PATCH of what a schema describes (JSON Merge Patch, RFC 7396): every member may be left
 * out, and be null to take it away; members that the schema does not know are refused. What comes of it
 * is for the schema itself to judge.
 */
export function patchSchema(schema: z.ZodObject): z.ZodObject {
  return members(
    Object.fromEntries(
      Object.entries(schema.shape).map(([name, member]) => [
        name,
        described(member, optionalOrNull(member)),
      ]),
    ),
  )
}

function optionalOrNull(member: z.core.$ZodType): z.ZodType {
  return patchOf(member).nullable().optional()
}

function patchOf(schema: z.core.$ZodType): z.ZodType {
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault
  ) {
    return patchOf(schema.unwrap())
  }
  if (schema instanceof z.ZodObject) return patchSchema(schema)
  if (schema instanceof z.ZodRecord) {
    return mapOf(schema.keyType as z.ZodType<string, string>, patchOf(schema.valueType).nullable())
  }
  return schema as z.ZodType
}

function described(member: z.core.$ZodType, patch: z.ZodType): z.ZodType {
  const { description } = member as z.ZodType
  return description === undefined ? patch : patch.describe(description)
}
