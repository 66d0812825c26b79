package main

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// nodePrograms are the peers from Node's world, with the exact versions of all that they need.
//
//go:embed node/*.mjs node/package.json node/package-lock.json
var nodePrograms embed.FS

// launchNode starts a program of node/ in the same way as a kind of this program.
func (b *bench) launchNode(ctx context.Context, program, dir string) (*process, error) {
	if b.nodeless {
		return nil, fmt.Errorf("%w: -node=false", errAbsent)
	}
	if !b.node.tried {
		b.node.dir, b.node.err = b.installNode(ctx)
		b.node.tried = true
	}
	if b.node.err != nil {
		return nil, b.node.err
	}
	return launch(ctx, []string{"NODE_ENV=production"}, "node", filepath.Join(b.node.dir, "serve.mjs"), program, dir)
}

// installed is a folder with the programs and their packages, or why there is none.
type installed struct {
	tried bool
	dir   string
	err   error
}

// installNode puts the programs into a folder outside of the repository and installs what they need there. No script of
// a package runs.
func (b *bench) installNode(ctx context.Context) (string, error) {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", fmt.Errorf("%w: %s is not there", errAbsent, program)
		}
	}
	dir, err := b.scratch("node")
	if err != nil {
		return "", err
	}
	programs, err := fs.Sub(nodePrograms, "node")
	if err != nil {
		return "", err
	}
	if err := os.CopyFS(dir, programs); err != nil {
		return "", err
	}
	fmt.Fprintln(b.progress, "installing the peers from npm")
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w: %s; hint: is npm's registry in reach? -node=false leaves these peers out", err, complaint(out))
	}
	return dir, nil
}

// complaint is the first thing that npm calls an error, or the end of what it said.
func complaint(out []byte) string {
	text := strings.TrimSpace(string(out))
	for line := range strings.Lines(text) {
		if strings.Contains(line, "npm error") || strings.Contains(line, "npm ERR!") {
			return strings.TrimSpace(line)
		}
	}
	return text[max(0, len(text)-200):]
}
