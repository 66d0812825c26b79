package archive

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Damage is what is wrong with a file, and where.
type Damage struct {
	Record int64 // of those before the damage, how many are whole; the header is none
	Reason string
}

func (d *Damage) Error() string {
	if d.Record == 0 {
		return "the backup is damaged at its beginning: " + d.Reason
	}
	return fmt.Sprintf("the backup is damaged after record %d: %s", d.Record, d.Reason)
}

// Reader is a Source that is a file.
type Reader struct {
	file   io.ReadSeeker
	header Header
}

// NewReader reads the header of a file, and refuses what is no archive or of a later format.
func NewReader(file io.ReadSeeker) (*Reader, error) {
	r := &Reader{file: file}
	p, err := r.open()
	if err != nil {
		return nil, err
	}
	r.header = p.header
	return r, nil
}

// Header is the first line of the file.
func (r *Reader) Header() Header { return r.header }

// Export implements Source: it reads the file from its beginning and checks every sum on the way. What it has handed out when it
// returns a *Damage was whole.
func (r *Reader) Export(ctx context.Context, to Sink) error {
	p, err := r.open()
	if err != nil {
		return err
	}
	if err := to.Begin(p.header.Counts); err != nil {
		return err
	}
	for {
		item, err := p.next()
		if err != nil {
			return err
		}
		if item == nil {
			return p.end()
		}
		if err := errors.Join(ctx.Err(), to.Add(item)); err != nil {
			return err
		}
	}
}

// pass is one reading of a file.
type pass struct {
	zip    *gzip.Reader
	lines  *bufio.Scanner
	chain  chain
	header Header
	totals Totals
	said   Totals // by the last line
	record int64
}

func (r *Reader) open() (*pass, error) {
	if _, err := r.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	zip, err := gzip.NewReader(r.file)
	if err != nil {
		return nil, fmt.Errorf("this is not a backup of Cloakroom: %w", err)
	}
	p := &pass{zip: zip, lines: bufio.NewScanner(zip)}
	p.lines.Buffer(make([]byte, 64<<10), maxLine+2*sumSize+2)
	p.lines.Split(wholeLines)
	name, text, err := p.line()
	if err != nil {
		return nil, err
	}
	if name != nameHeader {
		return nil, errors.New("this is not a backup of Cloakroom")
	}
	return p, p.readHeader(text)
}

func (p *pass) readHeader(text []byte) error {
	var format struct{ Format int }
	if err := json.Unmarshal(text, &format); err != nil {
		return p.damage("its header cannot be read")
	}
	if format.Format != Format {
		return fmt.Errorf("the backup has format %d, this program reads format %d: use the Cloakroom that made it, or a newer one", format.Format, Format)
	}
	if err := strict(text, &p.header); err != nil {
		return p.damage("its header cannot be read")
	}
	return nil
}

// next returns the next item, or nil when what follows is the end.
func (p *pass) next() (Item, error) {
	name, text, err := p.line()
	if err != nil {
		return nil, err
	}
	if name == nameTotals {
		if err := json.Unmarshal(text, &p.said); err != nil {
			return nil, p.damage("its totals cannot be read")
		}
		return nil, nil
	}
	k := slices.Index(kindNames[:], name)
	if k < 0 {
		return nil, fmt.Errorf("record %d is of a kind that this program does not know, %q: use the Cloakroom that made the backup", p.record+1, name)
	}
	item, err := decode(Kind(k), text)
	if err != nil {
		return nil, fmt.Errorf("record %d has what this program does not know: use the Cloakroom that made the backup: %w", p.record+1, err)
	}
	p.record++
	p.totals.add(Kind(k), text)
	return item, nil
}

// line reads a line and checks its sum. Text is good until the next call.
func (p *pass) line() (name string, text []byte, err error) {
	if !p.lines.Scan() {
		return "", nil, p.broken(p.lines.Err())
	}
	sum, said, _ := bytes.Cut(p.lines.Bytes(), []byte{' '})
	if p.chain.next(said) != string(sum) {
		return "", nil, p.damage("the next one was altered, or it is another that should come here")
	}
	before, text, _ := bytes.Cut(said, []byte{' '})
	return string(before), text, nil
}

// wholeLines is a bufio.SplitFunc: a line without its end is none.
func wholeLines(data []byte, atEnd bool) (advance int, line []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEnd && len(data) > 0 {
		err = io.ErrUnexpectedEOF
	}
	return 0, nil, err
}

// end wants nothing more, and all that was promised.
func (p *pass) end() error {
	more := p.lines.Scan()
	switch err := p.lines.Err(); {
	case more, errors.Is(err, io.ErrUnexpectedEOF):
		return p.damage("something follows the end, or the end is not whole")
	case err != nil:
		return p.broken(err)
	}
	if p.said != p.totals || p.header.Counts != p.totals.Counts() {
		return p.damage("the totals are not those of the records")
	}
	return nil
}

// broken tells why no line follows where one should.
func (p *pass) broken(err error) error {
	switch {
	case err == nil || errors.Is(err, io.ErrUnexpectedEOF):
		return p.damage("it ends there, but was longer")
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), errors.Is(err, bufio.ErrTooLong), corrupt(err):
		return p.damage("what follows was altered")
	}
	return err
}

func corrupt(err error) bool {
	_, is := errors.AsType[flate.CorruptInputError](err)
	return is
}

func (p *pass) damage(reason string) error { return &Damage{p.record, reason} }
