// Package wycheproof holds the reader of signatures to the vectors of Project Wycheproof: every JSON Web Signature and
// every key set of theirs. Where our verdict is another than theirs, the table of differences says why, and a difference
// that is not in it, or that is no more, fails the test.
//
// It is a module of its own, for tests alone: the vectors are 100 MB that nobody who imports cloakroom should fetch.
package wycheproof_test

import (
	"encoding/json"
	"io/fs"
	"testing"

	"github.com/c2sp/wycheproof"

	"github.com/cloakroom-auth/cloakroom/verify/internal/jws"
)

const (
	symmetric = "signed with a shared secret; whoever could check such a token could make one, so no HMAC is taken"
	otherRSA  = "RSA with another hash or with PSS: one algorithm of each kind of key is enough"
	otherEC   = "a curve that is not P-256: one algorithm of each kind of key is enough"
	roca      = "the key is of a library that made weak RSA keys until 2017. A verifier has its keys from its own issuer, which does not make them so; the key itself is well formed"
)

// differences are the vectors on which we differ, by file and number.
var differences = map[string]map[int]string{
	"json_web_signature_test.json": {
		1: symmetric, 348: symmetric, 352: symmetric, 357: symmetric, 358: symmetric, 359: symmetric,
		372: symmetric, 373: symmetric, // and valid only to decoders that skip what is not base64url
		376: symmetric, 377: symmetric,
		264: otherRSA, 265: otherRSA, 266: otherRSA, 267: otherRSA, 268: otherRSA, 269: otherRSA, 270: otherRSA, 271: otherRSA,
		272: otherRSA, 273: otherRSA, 274: otherRSA, 275: otherRSA, 287: otherRSA, 288: otherRSA,
		320: otherRSA, 321: otherRSA, 322: otherRSA, 323: otherRSA, 325: otherRSA, 326: otherRSA, 327: otherRSA, 328: otherRSA,
		346: otherRSA, 350: otherRSA, // the key says PS256 and the token PS384 besides
		347: otherEC, 351: otherEC, // the key says ES521, which is no algorithm, besides
	},
	"json_web_key_test.json": {
		2: symmetric, 13: symmetric, 14: symmetric, 15: symmetric,
		7: roca,
	},
}

type vectors struct {
	NumberOfTests int
	TestGroups    []struct {
		Comment         string
		Public, Private json.RawMessage
		Tests           []struct {
			TcID    int
			Comment string
			JWS     string
			Result  string
		}
	}
}

func TestVectors(t *testing.T) {
	for file, known := range differences {
		t.Run(file, func(t *testing.T) {
			seen, taken := 0, 0
			v := load(t, file)
			for _, group := range v.TestGroups {
				keys := parseKeys(group.Public, group.Private)
				for _, c := range group.Tests {
					seen++
					got := signed(keys, c.JWS)
					if got {
						taken++
					}
					reason := known[c.TcID]
					if differs := got != (c.Result == "valid"); differs != (reason != "") {
						t.Errorf("%d (%s, %s): %q to them, %v to us; difference explained: %q", c.TcID, group.Comment, c.Comment, c.Result, got, reason)
					}
				}
			}
			if seen != v.NumberOfTests || taken == 0 {
				t.Errorf("%d of %d vectors tried, %d taken", seen, v.NumberOfTests, taken)
			}
		})
	}
}

// parseKeys makes a set of the keys of a group: the public half where the group has one.
func parseKeys(public, private json.RawMessage) map[string]*jws.Key {
	doc := public
	if doc == nil {
		doc = private
	}
	var set struct{ Keys json.RawMessage }
	if json.Unmarshal(doc, &set) != nil || set.Keys == nil {
		doc = json.RawMessage(`{"keys":[` + string(doc) + `]}`)
	}
	keys, err := jws.ParseSet(doc)
	if err != nil {
		return nil // refused as a whole, and every token with it
	}
	return keys
}

func signed(keys map[string]*jws.Key, raw string) bool {
	token, err := jws.Parse(raw, 8<<10)
	if err != nil {
		return false
	}
	key := keys[token.KeyID]
	return key != nil && key.Signed(token)
}

func load(t *testing.T, file string) vectors {
	t.Helper()
	doc, err := fs.ReadFile(wycheproof.TestVectors, file)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(doc, &v); err != nil {
		t.Fatal(err)
	}
	return v
}
