-- ARGV: hash, current, next chain, seen, expires, issued. Gives 1 and the session's id; 0 and the id if there is no such
-- chain; or what lies under a token that opens nothing.
local stored = redis.call('GET', token(ARGV[2]))
local s = read(stored)
if not s then
	return {-1, stored or ''}
end
local pos, before = 2, {s.chains:sub(1, 1)}
local found = 0
for _ = 1, s.chains:byte(1) do
	local chain, next = struct.unpack('>I4c0', s.chains, pos)
	pos = next
	if found == 0 and chain:sub(1, 32) == ARGV[3] then
		found, chain = 1, ARGV[4]
	end
	table.insert(before, struct.pack('>I4', #chain) .. chain)
end
if found == 1 then
	local v = '\1' .. s.v:sub(2, 25) .. s.fixed .. s.proof .. table.concat(before)
	save(ARGV[2], touched(v, tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])))
end
return {found, s.id}
