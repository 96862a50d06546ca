package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"wabagate/gateway/line"
	"wabagate/models"
	"wabagate/waba/graph"
)

// News tells businesses what became of the files of their messages; a *fanout.Recorder does.
type News interface {
	TellMedia(ctx context.Context, m models.Media) error
}

// Options are the parts that Files work with. Store, Client, Keep, Metrics and Log are needed.
type Options struct {
	Store *models.Store
	// Client calls the platform. Its HTTP client should have no timeout for the whole of a request, which ends large files, but
	// one for the header of the answer, and a transport that refuses addresses of private networks.
	Client *graph.Client
	Keep   Keeper
	// Links open files without a key; nil: there are none.
	Links *Links
	// News hears what became of the files of messages; nil: nobody does.
	News News
	// Limit is the size of the largest file that is kept, in bytes; 0 means 100 MiB, which is the platform's own.
	Limit int64
	// Retention is how long media are kept after they came; 0 means 30 days.
	Retention time.Duration
	// Fetches is how many files this process fetches at once; 0 means 8. Half of them are for those who wait for a file.
	Fetches int
	// Now is the clock; nil means the store's.
	Now     func() time.Time
	Metrics *Metrics
	Log     *slog.Logger
}

const (
	// claimFor is how long one attempt may take; others try when it is over.
	claimFor = 5 * time.Minute
	// stallAfter is how long the platform may be silent in the middle of a file.
	stallAfter = 30 * time.Second
	// platformKeeps is how long the platform gives what customers send.
	platformKeeps = 7 * 24 * time.Hour
	// lookEvery is how often one looks whether another process has fetched what is waited for.
	lookEvery = 250 * time.Millisecond
	// longestID bounds the platform's ids, in bytes; those of today have some twenty digits.
	longestID = 256
)

// Files fetches, keeps and gives files. Make it with New; safe for concurrent use.
type Files struct {
	o       Options
	store   *models.Store
	now     func() time.Time
	log     *slog.Logger
	m       *Metrics
	sharing singleflight.Group // by row
	slots   chan struct{}      // a place for each fetch

	// life is that of downloads; busy are the fetches in hand.
	life context.Context
	end  context.CancelFunc
	mu   sync.Mutex
	over bool
	busy sync.WaitGroup

	claimFor, stallAfter, sweepEvery time.Duration
}

// New makes Files. It starts nothing; see Run.
func New(o Options) (*Files, error) {
	if o.Store == nil || o.Client == nil || o.Keep == nil || o.Metrics == nil || o.Log == nil {
		return nil, errors.New("media: Options need Store, Client, Keep, Metrics and Log")
	}
	if o.Now == nil {
		o.Now = o.Store.Now
	}
	if o.Limit <= 0 {
		o.Limit = 100 << 20
	}
	if o.Retention <= 0 {
		o.Retention = models.DefaultRetention
	}
	if o.Fetches <= 0 {
		o.Fetches = 8
	}
	f := &Files{o: o, store: o.Store, now: o.Now, log: o.Log.With("component", "media"), m: o.Metrics, slots: make(chan struct{}, o.Fetches),
		claimFor: claimFor, stallAfter: stallAfter, sweepEvery: sweepEvery}
	f.life, f.end = context.WithCancel(context.Background())
	return f, nil
}

// Close ends the downloads under way; their files are wanted again. It returns when that is written down.
func (f *Files) Close() {
	f.mu.Lock()
	f.over = true
	f.mu.Unlock()
	f.end()
	f.busy.Wait()
}

// begin says whether a fetch may begin. Who is told so calls busy.Done.
func (f *Files) begin() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.over {
		f.busy.Add(1)
	}
	return !f.over
}

// errClosed says that this process fetches no more.
var errClosed = later(Underway, pause, "The gateway is being restarted: ask again in a moment.")

// File is one that is kept.
type File struct {
	Name     string // to save it under
	MimeType string
	SHA256   string // hex
	Size     int64  // bytes
	Shown    bool   // a browser may show it; others are saved
	read     func(ctx context.Context, offset, length int64) (io.ReadCloser, error)
}

// Read reads length bytes from an offset on.
func (f *File) Read(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
	return f.read(ctx, offset, length)
}

// Open gives a number's file by the platform's id. Who asks first waits while it is fetched; when ctx ends before, that goes
// on. The error is a [models.MediaError], or models.ErrNotFound for a file that was deleted and for what is no id.
func (f *Files) Open(ctx context.Context, businessID, numberID int64, mediaID string) (*File, error) {
	if !validID(mediaID) {
		return nil, fmt.Errorf("media: %w", models.ErrNotFound)
	}
	m, err := f.store.EnsureMedia(ctx, models.Media{BusinessID: businessID, NumberID: numberID, MediaID: mediaID})
	if err != nil {
		return nil, err
	}
	if m.BusinessID != businessID { // the number was another's before
		return nil, fmt.Errorf("media: %w", models.ErrNotFound)
	}
	return f.open(ctx, m)
}

// OpenLink gives the file that a link leads to; see [Links]. Errors are those of Open.
func (f *Files) OpenLink(ctx context.Context, mediaID, token string) (*File, error) {
	if f.o.Links == nil {
		return nil, fmt.Errorf("media: %w", models.ErrNotFound)
	}
	number, ok := f.o.Links.number(mediaID, token)
	if !ok {
		return nil, fmt.Errorf("media: %w", models.ErrNotFound)
	}
	m, err := f.store.MediaOf(ctx, number, mediaID)
	if err != nil {
		return nil, err
	}
	return f.open(ctx, m)
}

// validID tells whether a text can be an id of the platform: it goes into paths of requests.
func validID(id string) bool {
	return id != "" && len(id) <= longestID && !strings.ContainsFunc(id, func(r rune) bool {
		return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("-_.=:", r))
	}) && strings.Trim(id, ".") != ""
}

// open gives a file, which is fetched once more when its bytes are no longer there.
func (f *Files) open(ctx context.Context, m models.Media) (*File, error) {
	for range 2 {
		var err error
		if m, err = f.settled(ctx, m); err != nil {
			return nil, err
		}
		name := nameOf(models.MediaFile{ID: m.File, SHA256: m.SHA256})
		has, err := f.o.Keep.Has(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("medium %d: %w", m.ID, err)
		}
		if has {
			return &File{Name: saveAs(m.Filename, m.MediaID, m.MimeType), MimeType: m.MimeType, SHA256: m.SHA256, Size: m.Size, Shown: shown(m.MimeType),
				read: func(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
					return f.o.Keep.Read(ctx, name, offset, length)
				}}, nil
		}
		f.log.Warn("a file that was kept is gone; it is fetched again", "media_id", m.MediaID, "number_id", m.NumberID)
		if err := f.store.FileLost(ctx, m.File); err != nil {
			return nil, err
		}
		if m, err = f.store.MediaByID(ctx, m.ID); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("medium %d: the keeper does not keep: %w", m.ID, fs.ErrNotExist)
}

// settled waits until a medium is kept.
func (f *Files) settled(ctx context.Context, m models.Media) (models.Media, error) {
	for {
		switch {
		case m.State == models.MediaKept:
			return m, nil
		case m.State == models.MediaFailed:
			return m, refuse(m.Failure, "%s", m.Reason)
		case m.State == models.MediaDeleted:
			return m, fmt.Errorf("medium %d: %w", m.ID, models.ErrNotFound)
		case m.State == models.MediaWanted && m.Failure != "" && f.now().Before(m.TriedAt.Add(pause)):
			return m, later(m.Failure, pause, "%s", m.Reason) // it is just this moment that it failed
		}
		next, err := f.shared(ctx, m.ID)
		switch {
		case ctx.Err() != nil:
			return m, later(Underway, pause, "The file is being fetched from the platform: ask again in a moment.")
		case err != nil:
			return m, err
		}
		m = next
	}
}

// shared fetches a medium together with everybody in this process who asks for it. It goes on when ctx ends.
func (f *Files) shared(ctx context.Context, id int64) (models.Media, error) {
	result := f.sharing.DoChan(fmt.Sprint(id), func() (any, error) {
		if !f.begin() {
			return models.Media{}, errClosed
		}
		defer f.busy.Done()
		select {
		case f.slots <- struct{}{}:
		case <-f.life.Done():
			return models.Media{}, errClosed
		}
		defer func() { <-f.slots }()
		return f.fetch(context.WithoutCancel(ctx), id)
	})
	select {
	case <-ctx.Done():
		return models.Media{}, ctx.Err()
	case r := <-result:
		m, _ := r.Val.(models.Media)
		if r.Err == nil && m.State == models.MediaFetching { // another process is at it
			select {
			case <-ctx.Done():
			case <-time.After(lookEvery):
			}
		}
		return m, r.Err
	}
}

// account is how a medium's number is reached.
func (f *Files) account(ctx context.Context, businessID, numberID int64) (graph.Account, error) {
	ns, err := f.store.Numbers(ctx, businessID)
	if err != nil {
		return graph.Account{}, err
	}
	i := slices.IndexFunc(ns, func(n models.Number) bool { return n.ID == numberID })
	if i < 0 {
		return graph.Account{}, later(NoAccess, accessPause, "The number is no longer connected: connect it again.")
	}
	u, err := f.store.UpstreamOf(ctx, numberID)
	if errors.Is(err, models.ErrNotFound) {
		return graph.Account{}, later(NoAccess, accessPause, "The number has no token yet: connect it first.")
	}
	return line.Account(u, ns[i]), err
}

// Delete takes a number's file back, here and at the platform. A file that neither knows is models.ErrNotFound.
func (f *Files) Delete(ctx context.Context, businessID, numberID int64, mediaID string) error {
	if !validID(mediaID) {
		return fmt.Errorf("media: %w", models.ErrNotFound)
	}
	a, err := f.account(ctx, businessID, numberID)
	if err != nil {
		return err
	}
	upstream := judge(f.o.Client.DeleteMedia(ctx, a, mediaID), 1)
	var refused *models.MediaError
	missing := errors.As(upstream, &refused) && refused.Code == Gone
	if upstream != nil && !missing {
		return upstream
	}
	err = f.store.DeleteMedia(ctx, numberID, mediaID)
	if errors.Is(err, models.ErrNotFound) && !missing {
		return nil // the platform had it
	}
	return err
}
