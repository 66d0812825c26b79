package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// many is a source of some steps of every kind that comes in numbers.
func many() *shelf {
	s := samples()
	for i := range 3*batchItems + 17 {
		s.items = append(s.items, Counter{Key: hash(byte(i)), N: int64(i)}, User{ID: fmt.Sprintf("usr_%06d", i)})
	}
	s.items = append(s.items, Session{ID: "large", Agent: make([]byte, batchBytes)}, Session{ID: "next"}, Event{ID: "last"})
	sorted := &shelf{}
	for _, k := range Kinds() {
		for _, i := range s.items {
			if i.Kind() == k {
				sorted.items = append(sorted.items, i)
			}
		}
	}
	return sorted
}

var errCut = errors.New("cut")

// TestCopyGoesOn cuts a copy at each step, before and after the step is durable, and lets another finish it.
func TestCopyGoesOn(t *testing.T) {
	source := many()
	whole := &shelf{}
	done, err := Copy(t.Context(), source, whole, Plan{})
	if err != nil || done.Added != int64(len(source.items)) || done.Totals != sum(t, source) {
		t.Fatalf("copy: %+v, %v", done, err)
	}
	if whole.steps < 6 {
		t.Fatalf("only %d steps: the test tests nothing", whole.steps)
	}
	for cut := 1; cut <= whole.steps; cut++ {
		for _, durable := range []bool{false, true} {
			target := &shelf{fail: func(step int, _ []Item) (before, after error) {
				switch {
				case step != cut:
					return nil, nil
				case durable:
					return nil, errCut
				}
				return errCut, nil
			}}
			if _, err := Copy(t.Context(), source, target, Plan{}); !errors.Is(err, errCut) {
				t.Fatalf("cut at step %d: %v", cut, err)
			}
			had := len(target.items)
			done, err := Copy(t.Context(), source, target, Plan{})
			if err != nil || int(done.Added) != len(source.items)-had || !reflect.DeepEqual(target.items, source.items) {
				t.Fatalf("cut at step %d, durable %v, and resumed: added %d to %d of %d, %v", cut, durable, done.Added, had, len(source.items), err)
			}
		}
	}
	again, err := Copy(t.Context(), source, whole, Plan{})
	if err != nil || again.Added != 0 {
		t.Errorf("copying to what is whole: %+v, %v", again, err)
	}
}

func TestCopyWritesNothingToAnotherStore(t *testing.T) {
	source := many()
	for name, there := range map[string][]Item{
		"a stranger":                   {User{ID: "stranger"}},
		"a stranger of last":           {Event{ID: "stranger"}},
		"the second without the first": source.items[1:2],
		"one that has changed":         {User{ID: "usr_1", Epoch: 1}, source.items[1]},
		"one more behind":              append(append([]Item{}, source.items...), Event{ID: "more"}),
		"a later one too early":        {source.items[0], source.items[len(source.items)-1]},
		"one twice":                    {source.items[0], source.items[0]},
	} {
		target := &shelf{items: there}
		if _, err := Copy(t.Context(), source, target, Plan{}); !errors.Is(err, ErrNotEmpty) || target.steps > 0 {
			t.Errorf("%s: %v after %d steps, want ErrNotEmpty and none", name, err, target.steps)
		}
	}
}

func TestCopyComparesAtTheEnd(t *testing.T) {
	target := &shelf{extra: []Item{User{ID: "intruder"}}}
	_, err := Copy(t.Context(), samples(), target, Plan{})
	var different *DifferentError
	if !errors.As(err, &different) || different.Got[KindUser].Items != 4 || different.Want[KindUser].Items != 3 {
		t.Errorf("somebody else wrote meanwhile: %v", err)
	}
}

func TestPlan(t *testing.T) {
	var stages []Stage
	plan := Plan{
		Apart: []Kind{KindRevocation},
		Change: func(i Item) (Item, bool) {
			if u, ok := i.(User); ok {
				u.Epoch = 5
				return u, u.ID != ""
			}
			return i, i.Kind() != KindSession
		},
		Watch: func(s Stage, done, of int64) {
			if done > of || done < 1 {
				t.Errorf("%s: %d of %d", s, done, of)
			}
			if len(stages) == 0 || stages[len(stages)-1] != s {
				stages = append(stages, s)
			}
		},
	}
	target := &shelf{items: []Item{Revocation{Seq: 77}}}
	for range 2 {
		done, err := Copy(t.Context(), samples(), target, plan)
		if err != nil {
			t.Fatal(err)
		}
		c := done.Totals.Counts()
		if c[KindUser] != 2 || c[KindSession] != 0 || c[KindRevocation] != 0 || c[KindEvent] != 2 {
			t.Errorf("copied %v", c)
		}
		for _, i := range target.items {
			if u, ok := i.(User); ok && u.Epoch != 5 {
				t.Errorf("unchanged: %+v", u)
			}
		}
	}
	if len(stages) < 4 || stages[0] != Copying && stages[0] != Looking {
		t.Errorf("stages %v", stages)
	}
}

func TestCopyEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	source, target := many(), &shelf{}
	target.fail = func(step int, _ []Item) (before, after error) {
		if step == 2 {
			cancel()
		}
		return nil, nil
	}
	if _, err := Copy(ctx, source, target, Plan{}); !errors.Is(err, context.Canceled) || target.steps > 3 {
		t.Errorf("after %d steps: %v", target.steps, err)
	}
	if _, err := Copy(t.Context(), source, target, Plan{}); err != nil {
		t.Errorf("resumed: %v", err)
	}
}

func TestCreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "backup")
	write := func(text string, err error) func(io.Writer) error {
		return func(w io.Writer) error {
			_, _ = io.WriteString(w, text)
			return err
		}
	}
	if err := Create(path, write("half", errCut)); !errors.Is(err, errCut) {
		t.Errorf("a write that fails: %v", err)
	}
	wantFiles(t, filepath.Dir(path))
	if err := Create(path, write("whole", nil)); err != nil {
		t.Fatal(err)
	}
	if err := Create(path, write("another", nil)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a file: %v", err)
	}
	wantFiles(t, filepath.Dir(path), "backup")
	text, err := os.ReadFile(path)
	info, _ := os.Stat(path)
	if string(text) != "whole" || err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%q of mode %v, %v", text, info.Mode(), err)
	}
}

func wantFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
}
