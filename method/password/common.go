package password

import (
	_ "embed"
	"strings"
)

// commonList has one password a line, lower case and sorted, each of at least eight characters: shorter ones are refused
// for their length. It is searched as it lies in the binary and takes no heap.
//
// It holds the strings of passwords.json of the npm package @zxcvbn-ts/language-common 4.1.3, the 49,233 commonest
// of public leaks (MIT; Copyright (c) 2012-2016 Dan Wheeler and Dropbox, Inc., Copyright (c) 2021 @zxcvbn-ts), and is
// made in the unpacked package's folder src by
//
//	node -p '[...new Set(require("./passwords.json").map(s => s.normalize("NFC").toLowerCase()))].filter(s => [...s].length >= 8).sort().join("\n")'
//
//go:embed common.txt
var commonList string

// common reports whether the password, in NFC and lower case, is on the list.
func common(folded string) bool {
	rest := commonList
	for len(rest) > 0 {
		start := strings.LastIndexByte(rest[:len(rest)/2], '\n') + 1
		line, _, _ := strings.Cut(rest[start:], "\n")
		switch c := strings.Compare(folded, line); {
		case c == 0:
			return true
		case c < 0:
			rest = rest[:start]
		default:
			rest = rest[min(start+len(line)+1, len(rest)):]
		}
	}
	return false
}
