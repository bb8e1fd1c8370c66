-- Checks, decrements and appends to a stream. KEYS: stock, stream. ARGV: quantity, order.
local available = tonumber(redis.call('GET', KEYS[1]))
if not available then
  return redis.error_reply('unknown sku')
end
if available < tonumber(ARGV[1]) then
  return redis.error_reply('out of stock')
end
redis.call('DECRBY', KEYS[1], ARGV[1])
redis.call('XADD', KEYS[2], '*', 'order', ARGV[2], 'stock', KEYS[1], 'quantity', ARGV[1])
return 'placed'
