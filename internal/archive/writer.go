package archive

import (
	"bufio"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Header is the first line of a file.
type Header struct {
	Format    int       `json:"format"`
	CreatedAt time.Time `json:"created_at"`
	Engine    string    `json:"engine"` // of the store: sqlite or postgres
	Schema    int       `json:"schema"` // the last step of its schema
	Program   string    `json:"program"`
	Counts    Counts    `json:"counts"`            // what the file has
	Secrets   []Secret  `json:"secrets,omitempty"` // from which the keys of tokens derive, the newest first
}

// Secret is hexadecimal in a file, and [redacted] wherever else it is printed.
type Secret []byte

func (Secret) String() string             { return "[redacted]" }
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// MarshalText implements encoding.TextMarshaler: this is what a file has.
func (s Secret) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, s), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Secret) UnmarshalText(text []byte) (err error) {
	*s, err = hex.AppendDecode(nil, text)
	return err
}

// Writer is a Sink that writes a file. Close it, or the file has no end.
type Writer struct {
	header Header
	zip    *gzip.Writer
	out    *bufio.Writer
	chain  chain
	totals Totals
	begun  bool
}

// NewWriter returns a Writer to w. It sets Format and Counts of the header.
func NewWriter(w io.Writer, h Header) *Writer {
	zip, _ := gzip.NewWriterLevel(w, gzip.BestSpeed) // hashes do not get smaller by trying harder
	return &Writer{header: h, zip: zip, out: bufio.NewWriterSize(zip, 64<<10)}
}

// Begin implements Sink.
func (w *Writer) Begin(counts Counts) error {
	w.begun = true
	w.header.Format, w.header.Counts = Format, counts
	text, err := json.Marshal(w.header)
	if err != nil {
		return err
	}
	return w.line(nameHeader, text)
}

// Add implements Sink.
func (w *Writer) Add(i Item) error {
	text, err := encode(i)
	if err != nil {
		return err
	}
	w.totals.add(i.Kind(), text)
	return w.line(i.Kind().String(), text)
}

// Totals are those of what was written.
func (w *Writer) Totals() Totals { return w.totals }

// Close writes the end. It does not close what it writes to. Without a Begin there is nothing to end.
func (w *Writer) Close() error {
	if !w.begun {
		return errors.New("nothing was exported")
	}
	text, err := json.Marshal(w.totals)
	if err == nil {
		err = w.line(nameTotals, text)
	}
	return errors.Join(err, w.out.Flush(), w.zip.Close())
}

func (w *Writer) line(name string, text []byte) error {
	said := append(append([]byte(name), ' '), text...)
	if len(said) > maxLine {
		return fmt.Errorf("a %s of %d bytes is too large", name, len(said))
	}
	if _, err := w.out.WriteString(w.chain.next(said) + " "); err != nil {
		return err
	}
	if _, err := w.out.Write(said); err != nil {
		return err
	}
	return w.out.WriteByte('\n')
}
