-- ARGV: the key without what the bucket's keys begin with, how many, when a window that opens now ends, now. Gives what
-- the counter holds and when its window ends. It is stored as both, with a space between.
local key, n, finish, now = at .. ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local held, reset = (redis.call('GET', key) or ''):match('^(%d+) (%-?%d+)$')
held, reset = tonumber(held), tonumber(reset)
if not held or reset <= now then
	held, reset = 0, finish
end
if n < 0 and reset > finish then
	return {held, reset} -- a window that was opened after now
end
held = held + n
if held <= 0 then
	redis.call('DEL', key)
	redis.call('ZREM', due, ARGV[2])
	return {0, 0}
end
redis.call('SET', key, string.format('%.0f %.0f', held, reset), 'KEEPTTL')
forget(ARGV[2], reset)
return {held, reset}
