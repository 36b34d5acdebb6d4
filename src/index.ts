/** oncebox as a library. Importing it does nothing; every name is a type or a function. */
export {
  type Config,
  type HttpConfig,
  type MobizonConfig,
  readConfig,
  type SmtpConfig,
  type WorkerConfig,
} from "./config.ts";
export {
  type MigrateOptions,
  type MigrationState,
  migrate,
  readSchemaStatus,
  type SchemaStatus,
} from "./db/migrate.ts";
export { type ErrorCode, OnceboxError } from "./errors.ts";
export { createLogger, type Logger, type LogLevel } from "./log.ts";
export type { Lead } from "./outbox/lead.ts";
export type { ChannelName, State } from "./outbox/notification.ts";
export { type Registered, registerLead, registerLeads } from "./outbox/register.ts";
export type { KyselyTransaction, PgTransaction, Transaction } from "./outbox/transaction.ts";
export { runWorker, type Worker } from "./worker.ts";
