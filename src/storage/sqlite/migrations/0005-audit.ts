// The audit log: one row for each change of the configuration.

export const name = '0005-audit';

export const statements: readonly string[] = [
  `CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at TEXT NOT NULL,
    actor TEXT NOT NULL,
    peer TEXT,
    method TEXT,
    path TEXT,
    resource TEXT NOT NULL,
    resource_id TEXT,
    "before" TEXT,
    "after" TEXT,
    request_id TEXT
  )`,
  'CREATE INDEX audit_by_resource ON audit (resource, resource_id, id)',
];
