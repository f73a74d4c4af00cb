import * as z from 'zod/mini'

type ObjectConstructor = z.core.$constructor<z.ZodMiniObject, z.core.$ZodObjectDef>

const MiniObject: ObjectConstructor = z.ZodMiniObject

/** As zod makes its objects; those of zod/mini always go from member to member. */
const CompiledObject: ObjectConstructor = /*@__PURE__*/ z.core.$constructor(
  'CompiledObject',
  (inst, def) => {
    z.core.$ZodObjectJIT.init(inst, def)
    MiniObject.init(inst, def)
  },
)

/**
 * The same schema, and what is derived from it, checked by code that is made for its members where the
 * runtime allows that: in half the time, for bodies that come with every request. Say it before `named`.
 */
export function compiled<Schema extends z.ZodMiniObject>(schema: Schema): Schema {
  return new CompiledObject(schema.def) as Schema
}
