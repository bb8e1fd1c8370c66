\set sku random(1, :skus)
\set order_id random(1, 9223372036854775806)
BEGIN;
SELECT reference FROM batches WHERE sku = :sku AND purchased - allocated >= 1 ORDER BY eta NULLS FIRST, reference LIMIT 1 FOR UPDATE \gset
INSERT INTO lines (order_id, sku, quantity, batch) VALUES (:order_id, :sku, 1, :reference);
UPDATE batches SET allocated = allocated + 1 WHERE reference = :reference;
INSERT INTO outbox (event) VALUES (jsonb_build_object('type', 'allocated', 'order_id', :order_id::bigint, 'sku', :sku::bigint, 'batch', :reference::bigint));
COMMIT;
