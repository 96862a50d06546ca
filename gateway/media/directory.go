package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"
)

// Directory keeps files in a directory, which all processes must share when there are several.
type Directory struct {
	root *os.Root
}

// drafts is where files are that have no name yet.
const drafts = "incoming"

// abandoned is how old a draft is whose process is gone.
const abandoned = 24 * time.Hour

// OpenDirectory opens a directory, which is made when it is missing, and clears away what processes that died left behind.
func OpenDirectory(dir string) (*Directory, error) {
	if err := os.MkdirAll(filepath.Join(dir, drafts), 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of media: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the directory of media: %w", err)
	}
	d := &Directory{root}
	return d, d.clear(time.Now().Add(-abandoned))
}

// Close lets go of the directory.
func (d *Directory) Close() error { return d.root.Close() }

// clear removes drafts that are older than a moment.
func (d *Directory) clear(before time.Time) error {
	list, err := fs.ReadDir(d.root.FS(), drafts)
	if err != nil {
		return fmt.Errorf("look for abandoned media: %w", err)
	}
	for _, entry := range list {
		info, err := entry.Info()
		if err != nil || info.ModTime().After(before) {
			continue // another process is at it
		}
		if err := d.root.Remove(path.Join(drafts, entry.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove abandoned media: %w", err)
		}
	}
	return nil
}

// Draft implements [Keeper].
func (d *Directory) Draft() (*os.File, error) {
	return os.CreateTemp(filepath.Join(d.root.Name(), drafts), "")
}

// Put implements [Keeper]. The file is on the disk when it returns.
func (d *Directory) Put(_ context.Context, name string, draft *os.File, _ string, _ int64) error {
	if err := draft.Sync(); err != nil {
		return fmt.Errorf("write media: %w", err)
	}
	shard := path.Dir(name)
	if err := d.root.Mkdir(shard, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make a directory of media: %w", err)
	}
	if err := d.root.Rename(path.Join(drafts, filepath.Base(draft.Name())), name); err != nil {
		return fmt.Errorf("name media: %w", err)
	}
	return errors.Join(d.sync(shard), d.sync("."))
}

// sync makes the names in a directory last.
func (d *Directory) sync(dir string) error {
	f, err := d.root.Open(dir)
	if err != nil {
		return fmt.Errorf("write a directory of media: %w", err)
	}
	return errors.Join(f.Sync(), f.Close())
}

// Has implements [Keeper].
func (d *Directory) Has(_ context.Context, name string) (bool, error) {
	_, err := d.root.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Read implements [Keeper].
func (d *Directory) Read(_ context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	f, err := d.root.Open(name)
	if err != nil {
		return nil, err
	}
	return section{io.NewSectionReader(f, offset, length), f}, nil
}

// section is a part of an open file.
type section struct {
	io.Reader
	io.Closer
}

// Remove implements [Keeper].
func (d *Directory) Remove(_ context.Context, name string) error {
	if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove media: %w", err)
	}
	return nil
}
