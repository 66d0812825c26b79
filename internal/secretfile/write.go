package secretfile

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

const header = "# Secrets of Cloakroom. The first signs, all verify. Keep this file private.\n"

// lines cuts text into its lines, without the space around them.
func lines(text []byte) [][]byte {
	all := bytes.Split(text, []byte{'\n'})
	for i := range all {
		all[i] = bytes.TrimSpace(all[i])
	}
	return all
}

func format(secrets [][]byte) []byte {
	text := []byte(header)
	for _, s := range secrets {
		text = append(hex.AppendEncode(text, s), '\n')
	}
	return text
}

// create makes the file with one fresh secret, unless somebody was first. A link appears complete or not at all and
// never takes the place of another, which a rename would.
func create(path string) error {
	temp, err := write(path, [][]byte{fresh()})
	if err != nil {
		return err
	}
	defer os.Remove(temp)
	if err := os.Link(temp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(path)
}

// replace puts a new file in the place of the old one.
func replace(path string, secrets [][]byte) error {
	temp, err := write(path, secrets)
	if err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		os.Remove(temp)
		return err
	}
	return syncFolder(path)
}

// write makes a file of its own beside path, mode 0600, and brings it to the disk.
func write(path string, secrets [][]byte) (name string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return "", err
	}
	_, err = f.Write(format(secrets))
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// syncFolder makes the name of the file as durable as the file. Windows cannot, and need not.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
