-- Which log the rows were derived from ('log_id') and through which number ('settled').
-- The rows themselves stand in one table per derived table, t_<name>(key, value), made when needed.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value NOT NULL
) WITHOUT ROWID;
