package valkey

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// minVersion is the first whose scripts may write and look at the clock.
const minVersion = 7

// inspect asks every server what it is, all at once, and returns why one will not do. One of a cluster that does not answer
// is passed over, as long as another does.
func (l *Ledger) inspect(ctx context.Context, allowEviction bool) error {
	var asking sync.WaitGroup
	nodes := l.client.Nodes()
	told := make(chan server, len(nodes))
	for addr, node := range nodes {
		asking.Go(func() { told <- ask(ctx, addr, node) })
	}
	asking.Wait()
	close(told)
	var unfit, unreachable []error
	answered, replicas := false, false
	for s := range told {
		if s.err != nil {
			unreachable = append(unreachable, fmt.Errorf("%s: %w", s.addr, s.err))
			continue
		}
		if err := s.fit(allowEviction); err != nil {
			unfit = append(unfit, fmt.Errorf("%s: %w", s.addr, err))
		}
		answered = true
		replicas = replicas || s.info["role"] == "master" && s.info["connected_slaves"] != "0"
	}
	if !answered {
		return errors.Join(unreachable...)
	}
	l.replicas.there.Store(replicas)
	l.replicas.asked.Store(time.Now().UnixNano())
	return errors.Join(unfit...)
}

// server is what a server says of itself: the lines of INFO.
type server struct {
	addr string
	info map[string]string
	err  error
}

func ask(ctx context.Context, addr string, node rueidis.Client) server {
	text, err := node.Do(ctx, node.B().Info().Build()).ToString()
	s := server{addr, map[string]string{}, err}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		s.info[key] = value
	}
	return s
}

// fit says why sessions cannot be kept there.
func (s server) fit(allowEviction bool) error {
	first, _, _ := strings.Cut(s.info["redis_version"], ".")
	version, err := strconv.Atoi(first)
	policy := s.info["maxmemory_policy"]
	switch {
	case err != nil:
		return errors.New("it does not say its version")
	case version < minVersion:
		return fmt.Errorf("it is version %s: Valkey, or Redis from %d.0 on, is needed", s.info["redis_version"], minVersion)
	case s.info["role"] != "master" && s.info["redis_mode"] != "cluster":
		return errors.New("it is a replica, which takes no writes")
	case policy != "noeviction" && !allowEviction:
		return fmt.Errorf("its maxmemory-policy is %q, which signs users out when memory runs short: set it to noeviction, or InsecureAllowEviction", policy)
	}
	return nil
}
