-- The log is read between two instants, newest first; of a namespace also what one account did.
DROP INDEX audit_repository;
DROP INDEX audit_namespace;
CREATE INDEX audit_repository ON audit (repository_id, at_ms DESC, id DESC);
CREATE INDEX audit_namespace ON audit (namespace_id, at_ms DESC, id DESC);
-- Holds the namespace, so that what the account did elsewhere is passed over without a look at the rows.
CREATE INDEX audit_performer ON audit (account_id, at_ms DESC, id DESC, namespace_id);
