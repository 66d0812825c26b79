package secretfile

import (
	"fmt"
	"os"
)

// Make makes the file at path with these secrets, the newest first, and mode 0600. One that is there is never replaced: that is
// fs.ErrExist. The folder must exist.
func Make(path string, secrets [][]byte) error {
	if _, err := parse(format(secrets)); err != nil {
		return fmt.Errorf("make the secret file: %w", err)
	}
	temp, err := write(path, secrets)
	if err != nil {
		return fmt.Errorf("make the secret file: %w", err)
	}
	defer os.Remove(temp)
	if err := os.Link(temp, path); err != nil {
		return fmt.Errorf("make the secret file: %w", err)
	}
	return syncFolder(path)
}
