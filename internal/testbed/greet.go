package testbed

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// greet connects to a PostgreSQL server, or what stands in front of it, and waits until it takes a query: protocol
// version 3, as in the chapter "Frontend/Backend Protocol" of PostgreSQL's manual.
func greet(port int, user, database string) error {
	conn, err := net.DialTimeout("tcp", loopback(port), 2*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := conn.Write(startup("user", user, "database", database)); err != nil {
		return err
	}
	if err := awaitQuery(bufio.NewReader(conn)); err != nil {
		return err
	}
	_, err = conn.Write([]byte{'X', 0, 0, 0, 4}) // Terminate
	return err
}

func startup(parameters ...string) []byte {
	const version3 = 3 << 16
	message := binary.BigEndian.AppendUint32(make([]byte, 4), version3)
	for _, p := range parameters {
		message = append(append(message, p...), 0)
	}
	message = append(message, 0)
	binary.BigEndian.PutUint32(message, uint32(len(message)))
	return message
}

// awaitQuery reads messages until ReadyForQuery.
func awaitQuery(r *bufio.Reader) error {
	for {
		var head [5]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return err
		}
		length := binary.BigEndian.Uint32(head[1:])
		if length < 4 || length > 1<<20 {
			return fmt.Errorf("a message of %d bytes: this is no PostgreSQL", length)
		}
		body := make([]byte, length-4)
		if _, err := io.ReadFull(r, body); err != nil {
			return err
		}
		switch head[0] {
		case 'Z':
			return nil
		case 'E':
			return refusal(body)
		}
	}
}

// refusal finds the message among the fields of an ErrorResponse.
func refusal(body []byte) error {
	for field := range strings.SplitSeq(string(body), "\x00") {
		if message, ok := strings.CutPrefix(field, "M"); ok {
			return errors.New(message)
		}
	}
	return errors.New("refused without a message")
}
