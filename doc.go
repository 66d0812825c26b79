// Package cloakroom gives users of a Go program one session on the server and any number of tickets for it.
package cloakroom
