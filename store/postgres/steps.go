package postgres

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

//go:embed migrations/*.sql
var migrations embed.FS

// step is a migration that we know. Its text begins with "-- compatible: N": programs whose last step is N or more keep
// working beside a database that has this step.
type step struct {
	Migration
	compatible int
	text       string
	citus      string // what Citus is told after it; may be empty
}

// textOf is what a step means for this server. Engines beside PostgreSQL sort texts by their bytes anyway, and some take no
// word about it.
func (k *link) textOf(s step) string {
	text := s.text
	if k.Distributed {
		text = strings.ReplaceAll(text, ` COLLATE "C"`, "")
	}
	if k.citus {
		text += s.citus
	}
	return text
}

// merge adds the steps that are not applied yet.
func merge(applied []Migration, known []step) []Migration {
	all := slices.Clone(applied)
	for i, m := range all {
		all[i].Newer = !slices.ContainsFunc(known, func(s step) bool { return s.Version == m.Version })
	}
	for _, s := range known {
		if !has(applied, s.Version) {
			all = append(all, s.Migration)
		}
	}
	slices.SortFunc(all, func(a, b Migration) int { return a.Version - b.Version })
	return all
}

func has(applied []Migration, version int) bool {
	return slices.ContainsFunc(applied, func(m Migration) bool { return m.Version == version })
}

const citusSuffix = ".citus.sql"

// steps reads the embedded files, NNNN_name.sql, in order of their numbers, and beside each NNNN_name.citus.sql if it is
// there.
func steps(files fs.FS) (all []step, err error) {
	names, err := fs.Glob(files, "migrations/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if strings.HasSuffix(name, citusSuffix) {
			continue
		}
		s, err := readStep(files, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, s)
	}
	return all, nil
}

func readStep(files fs.FS, name string) (step, error) {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return step{}, err
	}
	s, err := parseStep(path.Base(name), string(text))
	if err != nil {
		return step{}, err
	}
	citus, err := fs.ReadFile(files, strings.TrimSuffix(name, ".sql")+citusSuffix)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return step{}, err
	}
	s.citus = string(citus)
	return s, nil
}

func parseStep(file, text string) (s step, err error) {
	number, name, _ := strings.Cut(strings.TrimSuffix(file, ".sql"), "_")
	first, _, _ := strings.Cut(text, "\n")
	compatible, found := strings.CutPrefix(first, "-- compatible: ")
	s.Name, s.text = name, text
	if s.Version, err = strconv.Atoi(number); err != nil {
		return s, err
	}
	if s.compatible, err = strconv.Atoi(compatible); !found || err != nil {
		return s, errors.New("the first line must say: -- compatible: N")
	}
	return s, nil
}
