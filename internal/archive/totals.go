package archive

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/bits"
	"slices"
)

// Counts says how many items there are of each kind.
type Counts [kinds]int64

// All is how many there are together.
func (c Counts) All() (n int64) {
	for _, one := range c {
		n += one
	}
	return n
}

// MarshalJSON names the kinds.
func (c Counts) MarshalJSON() ([]byte, error) { return marshalByKind(c) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (c *Counts) UnmarshalJSON(text []byte) error { return unmarshalByKind(text, c) }

// Total is how many items there are of one kind, and their checksum.
type Total struct {
	Items int64  `json:"items"`
	Sum   Sum256 `json:"sum"`
}

// Totals are those of all kinds. They can be compared.
type Totals [kinds]Total

// Counts are the Totals without their checksums.
func (t Totals) Counts() (c Counts) {
	for k := range t {
		c[k] = t[k].Items
	}
	return c
}

// MarshalJSON names the kinds.
func (t Totals) MarshalJSON() ([]byte, error) { return marshalByKind(t) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (t *Totals) UnmarshalJSON(text []byte) error { return unmarshalByKind(text, t) }

// add counts an item by its JSON.
func (t *Totals) add(k Kind, text []byte) {
	t[k].Items++
	t[k].Sum.add(sha256.Sum256(text))
}

// Sum256 is a number of 256 bits; it wraps around.
type Sum256 [4]uint64 // the least part first

func (s *Sum256) add(hash [sha256.Size]byte) {
	var carry uint64
	for i := range s {
		part := binary.BigEndian.Uint64(hash[len(hash)-8*(i+1):])
		s[i], carry = bits.Add64(s[i], part, carry)
	}
}

// String is 64 hexadecimal digits.
func (s Sum256) String() string { return fmt.Sprintf("%016x%016x%016x%016x", s[3], s[2], s[1], s[0]) }

// MarshalText implements encoding.TextMarshaler.
func (s Sum256) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Sum256) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(string(text))
	if err != nil || len(raw) != 32 {
		return fmt.Errorf("a checksum has 64 hexadecimal digits")
	}
	*s = Sum256{}
	s.add([32]byte(raw))
	return nil
}

func marshalByKind[T any](all [kinds]T) ([]byte, error) {
	named := map[string]T{}
	for k, v := range all {
		named[kindNames[k]] = v
	}
	return json.Marshal(named)
}

func unmarshalByKind[T any, A ~[kinds]T](text []byte, all *A) error {
	var named map[string]T
	if err := json.Unmarshal(text, &named); err != nil {
		return err
	}
	for name, v := range named {
		k := slices.Index(kindNames[:], name)
		if k < 0 {
			return fmt.Errorf("there is no kind %q", name)
		}
		(*all)[k] = v
	}
	return nil
}

// Sum reads a source from beginning to end.
func Sum(ctx context.Context, s Source) (Totals, error) {
	var c counter
	err := s.Export(ctx, &c)
	return c.totals, err
}

// counter is a Sink that only counts.
type counter struct {
	totals Totals
	plan   *Plan // or nil
	stage  Stage
	of     int64
}

func (c *counter) Begin(counts Counts) error {
	c.of = counts.All()
	return nil
}

func (c *counter) Add(i Item) error {
	if c.plan.apart(i.Kind()) {
		return nil
	}
	text, err := encode(i)
	if err != nil {
		return err
	}
	c.totals.add(i.Kind(), text)
	c.plan.watch(c.stage, c.totals.Counts().All(), c.of)
	return nil
}
