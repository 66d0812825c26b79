package roster

import (
	"bufio"
	"bytes"
	"io"
)

// bounded keeps a parser from reading more into memory than an account may take. Whoever reads sets left before each account.
type bounded struct {
	from io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.from.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// newlines knows in which line a byte stands that was read not long ago.
type newlines struct {
	from   io.Reader
	offset int64   // of what is read next
	ahead  []int64 // offsets of line breaks that nobody has asked about yet
	before int     // line breaks before those
}

func (n *newlines) Read(p []byte) (int, error) {
	got, err := n.from.Read(p)
	for i := 0; i < got; i++ {
		j := bytes.IndexByte(p[i:got], '\n')
		if j < 0 {
			break
		}
		i += j
		n.ahead = append(n.ahead, n.offset+int64(i))
	}
	n.offset += int64(got)
	return got, err
}

// line is that of the byte at offset, from 1. Nobody asks about an earlier one afterwards.
func (n *newlines) line(offset int64) int {
	passed := 0
	for passed < len(n.ahead) && n.ahead[passed] < offset {
		passed++
	}
	n.before += passed
	n.ahead = append(n.ahead[:0], n.ahead[passed:]...)
	return n.before + 1
}

// unmarked takes the mark from the beginning that says which UTF it is (U+FEFF), as spreadsheets write it.
func unmarked(from io.Reader) io.Reader {
	b := bufio.NewReader(from)
	if head, _ := b.Peek(3); string(head) == "\ufeff" {
		_, _ = b.Discard(3)
	}
	return b
}
