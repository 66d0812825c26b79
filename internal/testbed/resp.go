package testbed

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// command sends one command to a Valkey server over a connection of its own and reads the answer, in RESP2.
func command(addr string, args ...string) (string, error) {
	conn, err := net.DialTimeout("tcp", addr, 2*time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	var message strings.Builder
	fmt.Fprintf(&message, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&message, "$%d\r\n%s\r\n", len(a), a)
	}
	if _, err := io.WriteString(conn, message.String()); err != nil {
		return "", err
	}
	return readReply(bufio.NewReader(conn))
}

// readReply reads one reply. Nil is the empty string, an array its elements one to a line.
func readReply(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimSuffix(line, "\r\n")
	if line == "" {
		return "", errors.New("an empty line: this is no Valkey")
	}
	switch kind, rest := line[0], line[1:]; kind {
	case '+', ':':
		return rest, nil
	case '-':
		return "", errors.New(rest)
	case '$':
		return readBulk(r, rest)
	case '*':
		return readArray(r, rest)
	}
	return "", fmt.Errorf("a reply of kind %q: this is no Valkey", line[0])
}

func readBulk(r *bufio.Reader, length string) (string, error) {
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 {
		return "", err
	}
	text := make([]byte, n+len("\r\n"))
	_, err = io.ReadFull(r, text)
	return string(text[:n]), err
}

func readArray(r *bufio.Reader, length string) (string, error) {
	n, err := strconv.Atoi(length)
	if err != nil {
		return "", err
	}
	var elements []string
	for range n {
		e, err := readReply(r)
		if err != nil {
			return "", err
		}
		elements = append(elements, e)
	}
	return strings.Join(elements, "\n"), nil
}
