// A module of its own, for tests alone: the vectors are 100 MB that nobody who imports cloakroom should fetch.
module github.com/cloakroom-auth/cloakroom/verify/wycheproof

go 1.26.4

require github.com/cloakroom-auth/cloakroom v0.0.0

require github.com/c2sp/wycheproof v0.0.0-20260902155932-3fa63dd0344a

replace github.com/cloakroom-auth/cloakroom => ../..
