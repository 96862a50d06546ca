package media

import (
	"context"
	"fmt"
	"io"
	"os"

	"wabagate/models"
)

// Keeper holds the bytes of files under their names. Names are this package's own; see [nameOf].
type Keeper interface {
	// Draft is an empty file on this machine for bytes whose name is not known yet. Whoever has it closes and removes it;
	// what has been put is not there any more.
	Draft() (*os.File, error)
	// Put keeps a draft under a name, at once and whole, also where that name is taken by the same bytes.
	Put(ctx context.Context, name string, draft *os.File, sha256 string, size int64) error
	// Has says whether there is a file of a name.
	Has(ctx context.Context, name string) (bool, error)
	// Read reads length bytes from an offset on. [fs.ErrNotExist].
	Read(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error)
	// Remove removes a file. One that is not there is removed already.
	Remove(ctx context.Context, name string) error
}

// shardLength is how many digits of a hash name the directory of a file: 256 directories share them.
const shardLength = 2

// nameOf is the name of a file: its hash and its row, so that bytes that go and the same ones that come again are two. Nothing
// in it comes from outside.
func nameOf(f models.MediaFile) string {
	return fmt.Sprintf("%s/%s-%d", f.SHA256[:shardLength], f.SHA256, f.ID)
}
