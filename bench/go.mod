module github.com/cloakroom-auth/cloakroom/bench

go 1.26

require github.com/cloakroom-auth/cloakroom v0.0.0

replace github.com/cloakroom-auth/cloakroom => ../
