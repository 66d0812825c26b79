-- ARGV: hash, session, limit, now, hash of the session to replace or nothing, until when that is remembered, whether its
-- data is wanted; then data taken elsewhere. Gives 'taken', or 'opened' or 'replaced' and the ids of the evicted.
local hash, v, limit, now, old = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local s = read(v)
if get(hash) or find(s.user, s.id) then
	return {'taken'}
end
local done = {'opened'}
local replaced = old ~= '' and get(old)
if replaced then
	done[1] = 'replaced'
	if ARGV[8] == '1' and redis.call('EXISTS', data(replaced)) == 1 then
		redis.call('RENAME', data(replaced), data(s))
	end
	drop(old, replaced)
	leave(old, tonumber(ARGV[7]))
end

-- evict closes the oldest sessions. The index gives them in the order of ids, which decides among the equally old.
local function evict()
	local live = {}
	for i, have in ipairs(redis.call('ZRANGEBYLEX', owned(s.user), '-', '+')) do
		local other = get(have:sub(-43))
		if not other then
			redis.call('ZREM', owned(s.user), have)
		elseif other.expires > now then
			table.insert(live, {hash = have:sub(-43), s = other, place = i})
		end
	end
	table.sort(live, function(a, b)
		if a.s.created ~= b.s.created then
			return a.s.created < b.s.created
		end
		return a.place < b.place
	end)
	for i = 1, #live - limit + 1 do
		drop(live[i].hash, live[i].s)
		table.insert(done, live[i].s.id)
	end
end
if limit > 0 and s.user ~= '' then
	evict()
end

for i = 9, #ARGV, 2 do
	redis.call('HSET', data(s), ARGV[i], ARGV[i + 1])
end
redis.call('ZADD', owned(s.user), 0, entry(s, hash))
if s.user == '' and redis.call('EXISTS', data(s)) == 0 then
	redis.call('ZADD', idle, s.seen, hash)
end
redis.call('ZREM', due, 's:' .. hash)
save(hash, v)
return done
