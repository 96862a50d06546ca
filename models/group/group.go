// Package group is the group commit: whatever arrives while one commit runs is committed together by the next.
//
// A caller hands in one item and waits for the commit that carried it, so that durability is paid once per group and
// not once per item. An idle committer adds no delay: the first item is committed at once, alone.
package group

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ErrClosed is what Do answers once Close was called.
var ErrClosed = errors.New("group commit is closed")

// Options says how large a group may grow. The zero value is usable.
type Options[T any] struct {
	// MaxItems bounds a group; 0 means 512.
	MaxItems int
	// MaxBytes bounds the sum of Size over a group (a single larger item still goes, alone); 0 means no bound.
	MaxBytes int
	// Size is an item's weight against MaxBytes; nil means 0.
	Size func(T) int
	// Parallel is how many commits may run at once; 0 means 1.
	Parallel int
	// Linger is how long a committer that was busy a moment ago waits for its next group to fill; 0 means not at all.
	// An item that finds the committer idle never waits.
	Linger time.Duration
}

// Committer gathers items and commits them in groups. Make one with New; safe for concurrent use.
type Committer[T any] struct {
	o      Options[T]
	commit func(context.Context, []T) error
	in     chan *entry[T]
	mu     sync.RWMutex
	closed bool
	wg     sync.WaitGroup
	pool   sync.Pool
}

type entry[T any] struct {
	item T
	done chan error
}

// New starts a committer. commit receives at least one item and its error goes to every caller of the group; it is
// called with a context that is never cancelled, because half the group may no longer be waiting.
func New[T any](o Options[T], commit func(context.Context, []T) error) *Committer[T] {
	if o.MaxItems <= 0 {
		o.MaxItems = 512
	}
	if o.Parallel <= 0 {
		o.Parallel = 1
	}
	c := &Committer[T]{o: o, commit: commit, in: make(chan *entry[T], o.MaxItems)}
	c.pool.New = func() any { return &entry[T]{done: make(chan error, 1)} }
	c.wg.Add(o.Parallel)
	for range o.Parallel {
		go c.run()
	}
	return c
}

// Do hands in one item and waits until its group is committed. When ctx ends first, Do returns its error and the
// outcome of the item is open: it may yet be committed.
func (c *Committer[T]) Do(ctx context.Context, item T) error {
	e := c.pool.Get().(*entry[T])
	e.item = item
	c.mu.RLock()
	if c.closed {
		c.mu.RUnlock()
		return ErrClosed
	}
	select {
	case c.in <- e:
		c.mu.RUnlock()
	case <-ctx.Done():
		c.mu.RUnlock()
		return ctx.Err()
	}
	select {
	case err := <-e.done:
		var zero T
		e.item = zero
		c.pool.Put(e)
		return err
	case <-ctx.Done():
		return ctx.Err() // e stays with the committer and is not reused
	}
}

// Close refuses new items, commits what was handed in and returns when all of it is done.
func (c *Committer[T]) Close() {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		close(c.in)
	}
	c.mu.Unlock()
	c.wg.Wait()
}

// Waiting is how many items are handed in and not yet part of a group.
func (c *Committer[T]) Waiting() int { return len(c.in) }

func (c *Committer[T]) run() {
	defer c.wg.Done()
	var (
		group = make([]*entry[T], 0, c.o.MaxItems)
		items = make([]T, 0, c.o.MaxItems)
		busy  bool
		timer *time.Timer
	)
	for first := range c.in {
		group, items = append(group[:0], first), append(items[:0], first.item)
		bytes := c.size(first.item)
		if busy && c.o.Linger > 0 {
			if timer == nil {
				timer = time.NewTimer(c.o.Linger)
			} else {
				timer.Reset(c.o.Linger)
			}
		}
	gather:
		for len(group) < c.o.MaxItems && (c.o.MaxBytes == 0 || bytes < c.o.MaxBytes) {
			select {
			case e, open := <-c.in:
				if !open {
					break gather
				}
				group, items = append(group, e), append(items, e.item)
				bytes += c.size(e.item)
				continue
			default:
			}
			if !busy || c.o.Linger <= 0 {
				break
			}
			select {
			case e, open := <-c.in:
				if !open {
					break gather
				}
				group, items = append(group, e), append(items, e.item)
				bytes += c.size(e.item)
			case <-timer.C:
				break gather
			}
		}
		if timer != nil {
			timer.Stop()
		}
		err := c.commit(context.Background(), items)
		for i, e := range group {
			e.done <- err
			group[i] = nil
		}
		clear(items)
		busy = len(group) > 1
	}
}

func (c *Committer[T]) size(item T) int {
	if c.o.Size == nil {
		return 0
	}
	return c.o.Size(item)
}
