-- Tables as a shop would write them: batches with their allocated units, lines, and an outbox.
CREATE TABLE batches (
    reference bigint PRIMARY KEY,
    sku bigint NOT NULL,
    purchased bigint NOT NULL,
    allocated bigint NOT NULL DEFAULT 0,
    eta date
);
CREATE INDEX batches_of_sku ON batches (sku, eta NULLS FIRST, reference);
CREATE TABLE lines (
    order_id bigint NOT NULL,
    sku bigint NOT NULL,
    quantity bigint NOT NULL,
    batch bigint NOT NULL REFERENCES batches,
    PRIMARY KEY (order_id, sku)
);
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event jsonb NOT NULL
);
INSERT INTO batches (reference, sku, purchased)
SELECT sku, sku, 1000000000 FROM generate_series(1, 10000) AS sku;
ANALYZE;
