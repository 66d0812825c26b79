package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// TestPromptShowsNothing types a password on a terminal, only after it was asked for, and reads what the terminal shows.
func TestPromptShowsNothing(t *testing.T) {
	keyboard, terminal := openTerminal(t)
	program, err := exec.LookPath("cloakroom")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "user", "add", "ana@example.com")
	cmd.Dir, cmd.Env, cmd.Stdin = t.TempDir(), []string{}, terminal
	asked, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	talk := bufio.NewReader(asked)
	for _, prompt := range []string{"password: ", "again: "} {
		if _, err := readTo(talk, prompt); err != nil {
			t.Fatal(err)
		}
		waitForSilence(t, terminal)
		if _, err := io.WriteString(keyboard, "red-umbrella-stand\n"); err != nil {
			t.Fatal(err)
		}
	}
	rest, _ := io.ReadAll(talk)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, rest)
	}
	terminal.Close()
	shown, _ := io.ReadAll(keyboard) // ends with an error when nobody has the terminal open
	if strings.Contains(string(shown), "umbrella") {
		t.Errorf("the terminal showed %q", shown)
	}
}

func readTo(r *bufio.Reader, end string) (string, error) {
	var text strings.Builder
	for !strings.HasSuffix(text.String(), end) {
		b, err := r.ReadByte()
		if err != nil {
			return text.String(), fmt.Errorf("no %q in %q: %w", end, text.String(), err)
		}
		text.WriteByte(b)
	}
	return text.String(), nil
}

// waitForSilence waits until the terminal does not show what is typed.
func waitForSilence(t *testing.T, terminal *os.File) {
	until(t, "the terminal is silent", func() bool {
		var mode syscall.Termios
		ioctl(t, terminal, syscall.TCGETS, unsafe.Pointer(&mode))
		return mode.Lflag&syscall.ECHO == 0
	})
}

// openTerminal opens both ends of a pseudo terminal, see pty(7).
func openTerminal(t *testing.T) (keyboard, terminal *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keyboard.Close() })
	var number, locked int32
	ioctl(t, keyboard, syscall.TIOCGPTN, unsafe.Pointer(&number))
	ioctl(t, keyboard, syscall.TIOCSPTLCK, unsafe.Pointer(&locked))
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return keyboard, terminal
}

func ioctl(t *testing.T, f *os.File, request uintptr, value unsafe.Pointer) {
	t.Helper()
	raw, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var errno syscall.Errno
	err = raw.Control(func(fd uintptr) { _, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(value)) })
	if err != nil || errno != 0 {
		t.Fatalf("ioctl %#x: %v %v", request, err, errno)
	}
}
