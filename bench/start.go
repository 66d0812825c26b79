package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// launched is what starting a program gave, for each time.
type launched struct {
	took []float64 // milliseconds from exec to the first healthy answer
	idle []float64 // MiB held by the process when it has nothing to do
}

// start is T14: how large the binary is, how soon it answers, and what it holds while it has nothing to do.
func (b *bench) start(ctx context.Context) ([]line, error) {
	binary, err := b.binary(ctx)
	if err != nil {
		return nil, err
	}
	least := filepath.Join(b.dir, "trivial")
	if err := build(ctx, least, "github.com/cloakroom-auth/cloakroom/bench/trivial"); err != nil {
		return nil, err
	}
	dir, err := b.scratch("start")
	if err != nil {
		return nil, err
	}
	if _, err := furnish(dir, 1, 0); err != nil { // so the file is migrated
		return nil, err
	}
	var ours, trivial launched
	fmt.Fprintf(b.progress, "T14: starting %d times\n", b.starts)
	for range b.starts {
		if err := trivial.once(ctx, func() (*process, error) { return launch(ctx, nil, least) }); err != nil {
			return nil, err
		}
		if err := ours.once(ctx, func() (*process, error) { return b.launchServer(ctx, dir) }); err != nil {
			return nil, err
		}
	}
	oursSize, err := sizeOf(binary)
	if err != nil {
		return nil, err
	}
	trivialSize, err := sizeOf(least)
	return []line{
		{Row: "T14", What: "stripped binary", Ours: oursSize, Target: atMost(30), Peers: []peer{{Name: "trivial", Figure: trivialSize}}},
		{
			Row: "T14", What: "first healthy answer after exec, on a migrated file", Ours: figureOf("ms", ours.took), Target: atMost(50),
			Peers: []peer{{Name: "trivial", Figure: figureOf("ms", trivial.took)}},
		},
		{
			Row: "T14", What: "memory while idle", Ours: figureOf("MiB", ours.idle), Target: atMost(30),
			Peers: []peer{{Name: "trivial", Figure: figureOf("MiB", trivial.idle)}},
		},
	}, err
}

// once starts a program, asks whether it is alive, looks at it after a moment of rest, and stops it.
func (l *launched) once(ctx context.Context, launch func() (*process, error)) error {
	begin := time.Now()
	p, err := launch()
	if err != nil {
		return err
	}
	defer p.stop()
	c, err := dial(ctx, p.addr, answer{status: http.StatusOK})
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.exchange(gets(p.addr, "/livez", []string{"X-Bench: start"})[0]); err != nil {
		return err
	}
	l.took = append(l.took, milliseconds(time.Since(begin)))
	time.Sleep(200 * time.Millisecond)
	idle, err := p.memory("VmRSS")
	l.idle = append(l.idle, idle)
	return err
}

// sizeOf is the size of a file in MB, of a million bytes each.
func sizeOf(file string) (figure, error) {
	info, err := os.Stat(file)
	if err != nil {
		return figure{}, err
	}
	return figureOf("MB", []float64{float64(info.Size()) / 1e6}), nil
}
