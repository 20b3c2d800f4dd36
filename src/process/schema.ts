/** The part of Standard Schema (standardschema.dev, version 1) that is used: validate a state, synchronously or not. */
import { reasonOf } from '../base/errors.js'

export interface StandardSchema {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult | Promise<SchemaResult>
  }
}

type SchemaResult =
  | { readonly value: unknown; readonly issues?: undefined }
  | {
      readonly issues: ReadonlyArray<{
        readonly message: string
        readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined
      }>
    }

/** @returns the validated value, or the first issue as text */
export const validate = async (
  schema: StandardSchema,
  value: unknown,
): Promise<{ value: unknown } | { issue: string }> => {
  try {
    const outcome = await schema['~standard'].validate(value)
    if (outcome.issues === undefined) return { value: outcome.value }
    const issue = outcome.issues[0]
    const path = (issue?.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
    return { issue: `${path === '' ? 'state' : `state.${path}`}: ${issue?.message ?? 'not valid'}` }
  } catch (error) {
    return { issue: `the schema threw: ${reasonOf(error)}` }
  }
}
