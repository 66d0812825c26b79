-- ARGV: the key without what the bucket's keys begin with, ticket, when it expires. Gives 1, or 0 if it is there already.
if not redis.call('SET', at .. ARGV[2], ARGV[3], 'NX') then
	return 0
end
forget(ARGV[2], tonumber(ARGV[4]))
return 1
