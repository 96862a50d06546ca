package media

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"wabagate/models"
	"wabagate/waba/graph"
)

// tellAgainAfter is how long a settled medium waits to be told by whoever settled it.
const tellAgainAfter = 30 * time.Second

// fetch makes one attempt to fetch a medium, unless another process is at it or it is settled, and answers the medium as it
// is then. The error is a [models.MediaError] when the attempt failed and may be repeated.
func (f *Files) fetch(ctx context.Context, id int64) (models.Media, error) {
	begun := f.now()
	m, mine, err := f.store.ClaimMedia(ctx, id, begun, begun.Add(f.claimFor))
	if err != nil || !mine {
		return m, err
	}
	attempt, cancel := context.WithTimeout(f.life, f.claimFor)
	result, err := f.attempt(attempt, m)
	cancel()
	r := f.outcome(m, result, judge(err, m.Attempts))
	f.m.attempt(cmp.Or(r.Failure, kept), f.now().Sub(begun))
	if r.State != models.MediaKept {
		f.log.Info("file not fetched", "media_id", m.MediaID, "number_id", m.NumberID, "attempt", m.Attempts, "failure", r.Failure, "final", r.State == models.MediaFailed, "error", err)
	}
	if err := f.store.SettleMedia(ctx, r); err != nil && !errors.Is(err, models.ErrNotFound) {
		return m, err
	}
	if m, err = f.store.MediaByID(ctx, id); err != nil {
		return m, err
	}
	if m.State == models.MediaWanted {
		return m, later(r.Failure, max(pause, m.DueAt.Sub(f.now())), "%s", r.Reason)
	}
	f.tell(ctx, m)
	return m, nil
}

// outcome is what an attempt means for the medium.
func (f *Files) outcome(m models.Media, mimeType string, err error) models.MediaResult {
	now := f.now()
	r := models.MediaResult{ID: m.ID, Attempt: m.Attempts, State: models.MediaKept, MimeType: mimeType, DueAt: now.Add(tellAgainAfter)}
	if err == nil {
		return r
	}
	var refused *models.MediaError
	if !errors.As(err, &refused) { // of the gateway's own: the log has it
		refused = later(Unreachable, pause, "The gateway could not keep the file.")
	}
	r.State, r.Failure, r.Reason = models.MediaFailed, refused.Code, refused.Message
	switch {
	case refused.RetryAfter == 0:
	case now.Sub(models.IDTime(m.ID)) > min(platformKeeps, f.o.Retention/2):
		r.Failure, r.Reason = Gone, "The file could not be fetched for as long as the platform keeps it. The last time: "+refused.Message
	default:
		r.State, r.DueAt = models.MediaWanted, now.Add(wait(refused.RetryAfter, m.Attempts))
	}
	return r
}

// tell tells what became of the file of a message. What fails here a sweep does later.
func (f *Files) tell(ctx context.Context, m models.Media) {
	if m.Wamid == "" || m.State != models.MediaKept && m.State != models.MediaFailed {
		return
	}
	var again time.Time // zero: never
	if f.o.News != nil {
		if err := f.o.News.TellMedia(ctx, m); err != nil {
			f.log.Warn("what became of a file is not told yet", "media_id", m.MediaID, "number_id", m.NumberID, "error", err)
			again = f.now().Add(tellAgainAfter)
		}
	}
	if err := f.store.MediaTold(ctx, m.ID, again); err != nil {
		f.log.Warn("a file will be told again", "media_id", m.MediaID, "number_id", m.NumberID, "error", err)
	}
}

// attempt fetches a medium that the caller has claimed, and keeps its bytes. It answers the type to serve it as.
func (f *Files) attempt(ctx context.Context, m models.Media) (string, error) {
	a, err := f.account(ctx, m.BusinessID, m.NumberID)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stalled := time.AfterFunc(f.stallAfter, cancel)
	defer stalled.Stop()
	about := graph.Media{ID: m.MediaID, MimeType: m.MimeType}
	if a.Style != graph.OnPremises { // which gives the file itself
		if about, err = f.o.Client.Media(ctx, a, m.MediaID); err != nil {
			return "", err
		}
	}
	claimed := cmp.Or(about.MimeType, m.MimeType)
	if err := examineType(claimed); err != nil {
		return "", err
	}
	if err := f.fits(about.Size); err != nil {
		return "", err
	}
	stalled.Reset(f.stallAfter)
	file, err := f.o.Client.Download(ctx, a, about)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	if err := f.fits(file.Size); err != nil {
		return "", err
	}
	draft, err := f.o.Keep.Draft()
	if err != nil {
		return "", fmt.Errorf("medium %d: %w", m.ID, err)
	}
	defer discard(draft)
	got, err := f.receive(draft, &watched{file, stalled, f.stallAfter}, cmp.Or(claimed, file.MimeType))
	if err != nil {
		return "", err
	}
	f.m.bytes.WithLabelValues("fetched").Add(float64(got.size))
	if err := got.verify(about.Size, about.SHA256, m.ClaimedSHA256); err != nil {
		return "", err
	}
	return got.mimeType, f.keep(ctx, m, draft, got)
}

// discard removes a draft, unless it has got a name.
func discard(draft *os.File) {
	_ = draft.Close() // it was written down before, or is not wanted
	if err := os.Remove(draft.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return // it is cleared away when it is a day old
	}
}

// fits refuses a size that is too large; below 0 it is not known.
func (f *Files) fits(size int64) error {
	if size > f.o.Limit {
		return refuse(TooLarge, "The file has %d bytes, and at most %d are kept.", size, f.o.Limit)
	}
	return nil
}

// received is a file that has arrived.
type received struct {
	mimeType string
	sum      [sha256.Size]byte
	size     int64
}

// receive writes a file down as it comes, and gives up as soon as it shows that it is not to be kept.
func (f *Files) receive(draft io.Writer, from io.Reader, claimed string) (received, error) {
	head := make([]byte, headLength)
	n, err := io.ReadFull(from, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return received{}, broken(err)
	}
	whole := err != nil // EOF: the head is all of it
	if n == 0 {
		return received{}, refuse(Corrupt, "The file is empty.")
	}
	var got received
	if got.mimeType, err = examine(claimed, head[:n]); err != nil {
		return received{}, err
	}
	hash := sha256.New()
	rest := io.Reader(bytes.NewReader(head[:n]))
	if !whole {
		rest = io.MultiReader(rest, from)
	}
	into := &disk{w: io.MultiWriter(draft, hash)}
	got.size, err = io.CopyBuffer(into, io.LimitReader(rest, f.o.Limit+1), make([]byte, 128<<10))
	switch {
	case into.err != nil:
		return received{}, fmt.Errorf("write a file down: %w", into.err)
	case err != nil:
		return received{}, broken(err)
	case got.size > f.o.Limit:
		return received{}, refuse(TooLarge, "The file is larger than the %d bytes that are kept.", f.o.Limit)
	}
	hash.Sum(got.sum[:0])
	return got, nil
}

// broken is the failure of a download that ended in the middle.
func broken(err error) error {
	return later(Unreachable, pause, "The platform's answer ended in the middle of the file: %v.", err)
}

// disk remembers whether it was writing that failed.
type disk struct {
	w   io.Writer
	err error
}

func (d *disk) Write(p []byte) (n int, err error) {
	n, err = d.w.Write(p)
	d.err = err
	return n, err
}

// verify compares a file with what was said of it. Zero sizes, and hashes that are none, say nothing.
func (r received) verify(size int64, sums ...string) error {
	if size > 0 && size != r.size {
		return refuse(Corrupt, "The file has %d bytes, and the platform speaks of %d.", r.size, size)
	}
	for _, said := range sums {
		if sum, ok := parseSum(said); ok && sum != r.sum {
			return refuse(Corrupt, "The file is not the one that the platform speaks of: its SHA-256 is another.")
		}
	}
	return nil
}

// parseSum reads a SHA-256: the platform writes base64 in callbacks and hex elsewhere.
func parseSum(said string) (sum [sha256.Size]byte, ok bool) {
	for _, decode := range []func(string) ([]byte, error){hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString,
		base64.URLEncoding.DecodeString, base64.RawURLEncoding.DecodeString} {
		if b, err := decode(said); err == nil && len(b) == len(sum) {
			return [sha256.Size]byte(b), true
		}
	}
	return sum, false
}

// keep gives a draft its name. A claim that ended meanwhile leaves nothing behind.
func (f *Files) keep(ctx context.Context, m models.Media, draft *os.File, got received) error {
	sum := hex.EncodeToString(got.sum[:])
	file, err := f.store.ReserveFile(ctx, m, sum, got.size)
	if err != nil {
		return err
	}
	name := nameOf(file)
	if file.Stored {
		has, err := f.o.Keep.Has(ctx, name)
		if err != nil || has {
			return err
		}
	}
	if err := f.o.Keep.Put(ctx, name, draft, sum, got.size); err != nil {
		return err
	}
	err = f.store.FileStored(ctx, file.ID)
	if errors.Is(err, models.ErrNotFound) { // it was taken back meanwhile, and swept away before it was there
		return errors.Join(err, f.o.Keep.Remove(context.WithoutCancel(ctx), name))
	}
	return err
}

// watched is a download that is cancelled when nothing comes for a while.
type watched struct {
	r       io.Reader
	stalled *time.Timer
	after   time.Duration
}

func (w *watched) Read(p []byte) (int, error) {
	w.stalled.Reset(w.after)
	n, err := w.r.Read(p)
	w.stalled.Stop() // what is done with the bytes is not the platform's time
	return n, err
}
