/** The door to `migrations/` here; the SQL is in the folders `migrations/` and `sql/` of the package. */
export { migrateDown } from "./migrations/down.ts";
export {
  firstLineOf,
  type Plan,
  planMigration,
  sentenceOf,
  sqlOf,
} from "./migrations/plan.ts";
export {
  assertSchemaIsCurrent,
  type MigrationState,
  readSchemaStatus,
  type SchemaStatus,
} from "./migrations/status.ts";
export { type MigrateOptions, migrate } from "./migrations/up.ts";
