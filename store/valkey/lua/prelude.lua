-- Every script begins with this. KEYS are the bucket's three indexes and then what the verb names; ARGV[1] is what all
-- keys of the bucket begin with. What only an index names (the other sessions of a user, what is due) is in the same
-- hash slot and is reached from there. Times are microseconds: a number of Lua holds them exactly until the year 2255.

local at, expiring, idle, due = ARGV[1], KEYS[1], KEYS[2], KEYS[3]

local day = 86400e3 -- milliseconds
local slack, most = 7 * day, 36500 * day

local clock
-- keep lets a key live until this moment and the slack, by the clock of this server. It never shortens a life, and does not
-- lengthen one by less than a day, so that most uses of a session cost no more than a look.
local function keep(key, micros)
	if not clock then
		local t = redis.call('TIME')
		clock = t[1] * 1000 + t[2] / 1000
	end
	local ms = math.ceil(math.min(math.max(micros / 1000 - clock, 0) + slack, most))
	local left = redis.call('PTTL', key)
	if left ~= -2 and left < ms - day then
		redis.call('PEXPIRE', key, ms)
	end
end

local function token(hash) return at .. 's:' .. hash end
local function owned(user) return at .. 'u:' .. user end
local function data(s) return at .. 'd:' .. s.user .. '\0' .. s.id end
local function entry(s, hash) return s.id .. '\0' .. hash end

-- read takes apart what record.go writes. It is nil for a token that was exchanged or never was.
local function read(v)
	if not v or v:byte(1) == 2 then
		return nil
	end
	if v:byte(1) ~= 1 then
		error('a session of a form that this program does not know')
	end
	local s = {v = v}
	local n, m
	s.seen, s.expires, s.issued, n = struct.unpack('>i8i8i8I4', v, 2)
	s.created, s.id, s.user = struct.unpack('>i8I2c0I2c0', v, 30)
	m = struct.unpack('>I4', v, 30 + n)
	s.fixed, s.proof, s.chains = v:sub(26, 29 + n), v:sub(30 + n, 33 + n + m), v:sub(34 + n + m)
	return s
end

local function get(hash) return read(redis.call('GET', token(hash))) end

-- find gives the token of a user's session, and the session.
local function find(user, id)
	local have = redis.call('ZRANGEBYLEX', owned(user), '[' .. id .. '\0', '(' .. id .. '\1', 'LIMIT', 0, 1)[1]
	if not have then
		return nil
	end
	local hash = have:sub(-43)
	local s = get(hash)
	if not s then
		redis.call('ZREM', owned(user), have)
		return nil
	end
	return hash, s
end

-- save writes a session under its token, in place of what it was.
local function save(hash, v)
	local s = read(v)
	redis.call('SET', token(hash), v, 'KEEPTTL')
	redis.call('ZADD', expiring, s.expires, hash)
	redis.call('ZADD', idle, 'XX', s.seen, hash)
	for _, key in ipairs({token(hash), owned(s.user), data(s), expiring, idle}) do
		keep(key, s.expires)
	end
end

-- touched is the session with times that have grown.
local function touched(v, seen, expires, issued)
	local function later(from, micros)
		if micros > struct.unpack('>i8', v, from) then
			return struct.pack('>i8', micros)
		end
		return v:sub(from, from + 7)
	end
	return '\1' .. later(2, seen) .. later(10, expires) .. later(18, issued) .. v:sub(26)
end

-- drop ends a session. Its data goes with it, unless somebody has taken it over.
local function drop(hash, s)
	redis.call('DEL', token(hash), data(s))
	redis.call('ZREM', owned(s.user), entry(s, hash))
	redis.call('ZREM', expiring, hash)
	redis.call('ZREM', idle, hash)
end

-- forget says when a key goes that is no session.
local function forget(key, micros)
	redis.call('ZADD', due, micros, key)
	keep(at .. key, micros)
	keep(due, micros)
end

-- leave remembers that a token was exchanged for another.
local function leave(hash, micros)
	redis.call('SET', token(hash), '\2' .. struct.pack('>i8', micros))
	forget('s:' .. hash, micros)
end
