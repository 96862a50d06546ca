package media

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
	"wabagate/waba/wabatest"
)

func TestFetchedOnce(t *testing.T) {
	onEachStore(t, wabatest.Options{}, func(b *bench) {
		id := b.file(wabatest.Media{MIME: "image/png", Size: 70_000})
		f, err := b.open(id)
		require.NoError(t, err)
		require.Equal(t, []any{"image/png", int64(70_000), true, "media-" + id + ".png"}, []any{f.MimeType, f.Size, f.Shown, f.Name})
		first := content(t, f)
		asked := b.calls.count()
		require.Equal(t, 2, asked)
		require.NoError(t, b.sim.AddFaults(wabatest.Fault{Kind: wabatest.FaultError, At: wabatest.AtMedia}))
		require.Equal(t, first, b.read(id), "the platform is not asked again")
		require.Equal(t, asked, b.calls.count())

		part, err := f.Read(t.Context(), 100, 50)
		require.NoError(t, err)
		got, err := io.ReadAll(part)
		require.NoError(t, err)
		require.NoError(t, part.Close())
		require.Equal(t, first[100:150], got)
		require.Empty(t, b.news.all(), "it came with no message")
	})
}

// Many ask at once, in two processes: one fetches.
func TestTwoFetchers(t *testing.T) {
	onEachStore(t, wabatest.Options{}, func(b *bench) {
		id := b.file(wabatest.Media{MIME: "video/mp4", Size: 300_000})
		b.came(id, "wamid.1", "")
		require.NoError(t, b.sim.AddFaults(wabatest.Fault{Kind: wabatest.FaultSlow, At: wabatest.AtDownload, Delay: 300 * time.Millisecond}))
		other := b.process()
		var wg sync.WaitGroup
		files := make([]*File, 16)
		for i := range files {
			wg.Go(func() {
				f := []*Files{b.Files, other}[i%2]
				file, err := f.Open(t.Context(), b.number.BusinessID, b.number.ID, id)
				if err != nil {
					t.Error(err)
				}
				files[i] = file
			})
		}
		wg.Wait()
		require.Equal(t, 2, b.calls.count(), "one look and one download")
		for _, f := range files {
			require.Equal(t, files[0].SHA256, f.SHA256)
		}
		require.Len(t, b.news.all(), 1)
	})
}

// Who asks does not wait for ever, and what he asked for goes on.
func TestImpatience(t *testing.T) {
	b := setup(t, sqlite(t), wabatest.Options{})
	id := b.file(wabatest.Media{})
	require.NoError(t, b.sim.AddFaults(wabatest.Fault{Kind: wabatest.FaultSlow, At: wabatest.AtDownload, Delay: 300 * time.Millisecond}))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := b.Open(ctx, b.number.BusinessID, b.number.ID, id)
	e := refusalOf(t, err)
	require.Equal(t, Underway, e.Code)
	require.Positive(t, e.RetryAfter)
	b.eventually(func() bool { return b.row(id).State == models.MediaKept })
}

// A process that died in the middle is followed by another when its time is over.
func TestFetcherDied(t *testing.T) {
	onEachStore(t, wabatest.Options{}, func(b *bench) {
		id := b.file(wabatest.Media{})
		b.came(id, "wamid.1", "")
		now := b.clock.now()
		_, mine, err := b.store.ClaimMedia(t.Context(), b.row(id).ID, now, now.Add(400*time.Millisecond))
		require.NoError(t, err)
		require.True(t, mine)
		require.NotEmpty(t, b.read(id))
		require.Equal(t, 2, b.row(id).Attempts)
	})
}

// Closing ends a download, and leaves the file to be fetched by the next.
func TestClose(t *testing.T) {
	onEachStore(t, wabatest.Options{}, func(b *bench) {
		id := b.file(wabatest.Media{})
		require.NoError(t, b.sim.AddFaults(wabatest.Fault{Kind: wabatest.FaultHang, At: wabatest.AtDownload, Next: 1}))
		go func() { _, _ = b.open(id) }()
		b.eventually(func() bool { return b.calls.count() == 2 })
		b.Close()
		require.Equal(t, models.MediaWanted, b.row(id).State)
		require.Equal(t, Underway, b.refused(b.file(wabatest.Media{})).Code)
		b.clock.advance(time.Minute)
		f, err := b.process().Open(t.Context(), b.number.BusinessID, b.number.ID, id)
		require.NoError(t, err)
		require.NotEmpty(t, content(t, f))
	})
}

// What is refused is refused for good, told once, and leaves no bytes behind.
func TestRefused(t *testing.T) {
	onEachStore(t, wabatest.Options{}, func(b *bench) {
		for _, c := range []struct {
			name, failure string
			media         wabatest.Media
		}{
			{"another kind of file", TypeDiffers, wabatest.Media{MIME: "image/jpeg", ServedMIME: "application/pdf"}},
			{"nothing known", TypeDiffers, wabatest.Media{MIME: "image/jpeg", ServedMIME: "application/octet-stream"}},
			{"a page by its type", TypeRefused, wabatest.Media{MIME: "text/html"}},
			{"a program by its type", TypeRefused, wabatest.Media{MIME: "application/x-msdownload"}},
			{"a drawing that runs", TypeRefused, wabatest.Media{MIME: "image/svg+xml"}},
			{"as large as it says", TooLarge, wabatest.Media{MIME: "application/pdf", Size: 1<<20 + 1}},
			{"larger than it says", TooLarge, wabatest.Media{MIME: "application/pdf", Size: 1000, ServedSize: 1<<20 + 1}},
		} {
			id := b.file(c.media)
			b.came(id, "wamid."+id, "")
			require.Equal(t, c.failure, b.refused(id).Code, c.name)
			asked := b.calls.count()
			e := b.refused(id)
			require.Equal(t, c.failure, e.Code, c.name)
			require.Zero(t, e.RetryAfter, c.name)
			require.Equal(t, asked, b.calls.count(), c.name+" is remembered")
			told := b.news.all()
			require.Equal(t, []any{id, models.MediaFailed, c.failure}, []any{told[len(told)-1].MediaID, told[len(told)-1].State, told[len(told)-1].Failure}, c.name)
		}
		require.Len(t, b.news.all(), 7)
		require.Empty(t, b.files())
		require.Equal(t, Gone, b.refused("123456").Code)
		require.Len(t, b.news.all(), 7, "it came with no message")
	}, func(o *Options) { o.Limit = 1 << 20 })
}

// files are those in the directory, drafts included.
func (b *bench) files() (names []string) {
	b.t.Helper()
	require.NoError(b.t, fs.WalkDir(os.DirFS(b.dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, path)
		}
		return err
	}))
	return names
}

// A hash that does not fit is tried again, since a file can be damaged on its way, and then refused.
func TestCorrupt(t *testing.T) {
	onEachStore(t, wabatest.Options{}, func(b *bench) {
		id := b.file(wabatest.Media{})
		wrong := hashOf([]byte("another"))
		b.came(id, "wamid.1", wrong)
		for range patience - 1 {
			e := b.refused(id)
			require.Equal(t, Corrupt, e.Code)
			require.Positive(t, e.RetryAfter)
			b.clock.advance(time.Minute)
		}
		require.Zero(t, b.refused(id).RetryAfter)
		require.Empty(t, b.files())

		short := b.file(wabatest.Media{Size: 5000, ServedSize: 4000})
		require.Equal(t, Corrupt, b.refused(short).Code)

		good := b.file(wabatest.Media{})
		f, err := b.open(good)
		require.NoError(t, err)
		sum, err := hex.DecodeString(f.SHA256)
		require.NoError(t, err)
		again := b.process()
		require.NoError(t, b.store.FileLost(t.Context(), b.row(good).File))
		b.came(good, "wamid.2", base64.StdEncoding.EncodeToString(sum))
		f, err = again.Open(t.Context(), b.number.BusinessID, b.number.ID, good)
		require.NoError(t, err)
		require.Equal(t, hex.EncodeToString(sum), f.SHA256)
	})
}

// What may pass is tried again.
func TestTroubleThatPasses(t *testing.T) {
	b := setup(t, sqlite(t), wabatest.Options{})
	b.stallAfter = 200 * time.Millisecond
	for _, c := range []struct {
		name  string
		fault wabatest.Fault
		code  string
	}{
		{"no answer about it", wabatest.Fault{Kind: wabatest.FaultClose, At: wabatest.AtMedia}, Unreachable},
		{"trouble of its own", wabatest.Fault{Kind: wabatest.FaultError, At: wabatest.AtMedia}, Unreachable},
		{"too often", wabatest.Fault{Kind: wabatest.FaultRefuse, At: wabatest.AtMedia, Code: 130429}, Unreachable},
		{"the token", wabatest.Fault{Kind: wabatest.FaultRefuse, At: wabatest.AtMedia, Code: 190}, NoAccess},
		{"half of it", wabatest.Fault{Kind: wabatest.FaultHalf, At: wabatest.AtDownload}, Unreachable},
		{"silence", wabatest.Fault{Kind: wabatest.FaultHang, At: wabatest.AtDownload}, Unreachable},
		{"a page instead", wabatest.Fault{Kind: wabatest.FaultHTML, At: wabatest.AtDownload}, Unreachable},
	} {
		id := b.file(wabatest.Media{Size: 200_000})
		c.fault.Next = 1
		require.NoError(t, b.sim.AddFaults(c.fault))
		e := b.refused(id)
		require.Equal(t, c.code, e.Code, c.name+e.Message)
		require.Positive(t, e.RetryAfter, c.name)
		require.NotContains(t, e.Message, wabatest.DefaultToken)
		asked := b.calls.count()
		require.Equal(t, c.code, b.refused(id).Code, c.name)
		require.Equal(t, asked, b.calls.count(), c.name+": nobody hammers")
		b.clock.advance(2 * time.Minute)
		require.Len(t, b.read(id), 200_000, c.name)
	}
	require.NoError(t, b.store.DropUpstream(t.Context(), b.number.BusinessID, b.number.ID))
	require.Equal(t, NoAccess, b.refused(b.file(wabatest.Media{})).Code)
}

// The receiver was down for two hours: the platform's address is long dead, and the platform does not give the file any more.
func TestTwoHoursLater(t *testing.T) {
	onEachStore(t, wabatest.Options{MediaURLFor: 200 * time.Millisecond}, func(b *bench) {
		b.ahead()
		id := b.file(wabatest.Media{Size: 90_000})
		b.came(id, "wamid.1", "")
		b.eventually(func() bool { return b.row(id).State == models.MediaKept })
		b.eventually(func() bool { return len(b.news.all()) == 1 })
		b.clock.advance(2 * time.Hour)
		b.sim.Close()
		link := b.o.Links.Link(b.number.ID, id)
		token := link[strings.Index(link, "=")+1:]
		require.True(t, strings.HasPrefix(link, "https://gw.example/media/"+id+"?token="))
		f, err := b.OpenLink(t.Context(), id, token)
		require.NoError(t, err)
		require.Len(t, content(t, f), 90_000)
	})
	t.Run("nobody fetched ahead", func(t *testing.T) {
		onEachStore(t, wabatest.Options{MediaURLFor: 50 * time.Millisecond}, func(b *bench) {
			id := b.file(wabatest.Media{})
			b.came(id, "wamid.1", "")
			time.Sleep(60 * time.Millisecond)
			require.NotEmpty(t, b.read(id), "a fresh address is asked for")
		})
	})
}

// A number that fetches ahead goes on until the platform gives the file.
func TestAheadGoesOn(t *testing.T) {
	onEachStore(t, wabatest.Options{}, func(b *bench) {
		require.NoError(t, b.sim.AddFaults(wabatest.Fault{Kind: wabatest.FaultError, At: wabatest.AtMedia, Next: 3}))
		b.news.fails = 1
		b.ahead()
		id := b.file(wabatest.Media{})
		b.came(id, "wamid.1", "")
		b.eventually(func() bool { b.clock.advance(5 * time.Second); return b.row(id).State == models.MediaKept })
		b.eventually(func() bool { b.clock.advance(5 * time.Second); return b.row(id).DueAt.IsZero() })
		require.Len(t, b.news.all(), 1, "told although nobody could be told at first")
		require.Zero(t, b.news.fails)
		require.Equal(t, 4, b.row(id).Attempts)
	})
}

// A platform that falls silent in the middle of a file is left.
func TestSilenceInTheMiddle(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	left := errors.New("left")
	stalled := time.AfterFunc(time.Hour, func() { _ = w.CloseWithError(left) })
	go func() { _, _ = w.Write([]byte("some of it")) }()
	got, err := io.ReadAll(&watched{r, stalled, 50 * time.Millisecond})
	require.ErrorIs(t, err, left)
	require.Equal(t, "some of it", string(got))
}

// A number whose upstream hangs does not hold up the files of another.
func TestNumbersDoNotWait(t *testing.T) {
	onEachStore(t, wabatest.Options{}, func(b *bench) {
		silent, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = silent.Close() })
		dead, err := b.store.CreateNumber(t.Context(), models.Number{BusinessID: b.number.BusinessID, PhoneNumberID: "777"})
		require.NoError(t, err)
		require.NoError(t, b.store.SetUpstream(t.Context(), dead.BusinessID, models.Upstream{NumberID: dead.ID, Style: "cloud", Base: "http://" + silent.Addr().String(), Token: "t"}))
		alive := b.number
		for _, n := range []models.Number{dead, alive} {
			require.NoError(t, b.store.SetMediaAhead(t.Context(), n.BusinessID, n.ID, true))
		}
		b.number = dead
		for i := range 150 {
			b.came(fmt.Sprint(i), fmt.Sprint("wamid.", i), "")
		}
		b.number = alive
		var ids []string
		for range 5 {
			ids = append(ids, b.file(wabatest.Media{}))
			b.came(ids[len(ids)-1], "wamid."+ids[len(ids)-1], "")
		}
		b.stallAfter = 200 * time.Millisecond
		b.run()
		for _, id := range ids {
			b.eventually(func() bool { return b.row(id).State == models.MediaKept })
		}
		require.Less(t, len(b.news.all()), 6)
	})
}

// What the platform no longer can give is not asked for any more.
func TestGivenUp(t *testing.T) {
	b := setup(t, sqlite(t), wabatest.Options{})
	b.token("EAAtaken-back")
	id := b.file(wabatest.Media{})
	b.came(id, "wamid.1", "")
	require.Equal(t, NoAccess, b.refused(id).Code)
	b.clock.advance(platformKeeps + time.Hour)
	e := b.refused(id)
	require.Equal(t, Gone, e.Code)
	require.Contains(t, e.Message, "refuses the number's token")
	require.Len(t, b.news.all(), 1)
}

// What is deleted, old or erased goes, and its bytes with it.
func TestGoing(t *testing.T) {
	onEachStore(t, wabatest.Options{}, func(b *bench) {
		one, two, three := b.file(wabatest.Media{}), b.file(wabatest.Media{}), b.file(wabatest.Media{})
		for _, id := range []string{one, two, three} {
			b.read(id)
		}
		require.Len(t, b.files(), 3)
		require.NoError(t, b.Delete(t.Context(), b.number.BusinessID, b.number.ID, one))
		_, err := b.open(one)
		require.ErrorIs(t, err, models.ErrNotFound)
		require.ErrorIs(t, b.Delete(t.Context(), b.number.BusinessID, b.number.ID, one), models.ErrNotFound)
		require.ErrorIs(t, b.Delete(t.Context(), b.number.BusinessID, b.number.ID, "../../x"), models.ErrNotFound)
		require.ErrorIs(t, b.Delete(t.Context(), b.number.BusinessID, b.number.ID, "4711"), models.ErrNotFound)
		unseen := b.file(wabatest.Media{})
		require.NoError(t, b.Delete(t.Context(), b.number.BusinessID, b.number.ID, unseen), "the platform had it")
		require.NoError(t, b.Sweep(t.Context()))
		require.Len(t, b.files(), 2)

		require.NoError(t, b.Expire(t.Context()))
		require.NotEmpty(t, b.read(two))
		b.clock.advance(31 * 24 * time.Hour)
		b.run()
		b.eventually(func() bool { return len(b.files()) == 0 })
	})
}

// A file is deleted while it is on its way: nothing of it stays.
func TestDeletedMeanwhile(t *testing.T) {
	onEachStore(t, wabatest.Options{}, func(b *bench) {
		id := b.file(wabatest.Media{})
		require.NoError(t, b.sim.AddFaults(wabatest.Fault{Kind: wabatest.FaultSlow, At: wabatest.AtDownload, Delay: 200 * time.Millisecond}))
		opened := make(chan error, 1)
		go func() { _, err := b.open(id); opened <- err }()
		b.eventually(func() bool { return b.calls.count() == 2 })
		require.NoError(t, b.store.DeleteMedia(t.Context(), b.number.ID, id))
		require.ErrorIs(t, <-opened, models.ErrNotFound)
		require.NoError(t, b.Sweep(t.Context()))
		require.Empty(t, b.files())
	})
}

// slowKeeper lets something happen just before a file gets its name.
type slowKeeper struct {
	Keeper
	before func()
}

func (k slowKeeper) Put(ctx context.Context, name string, draft *os.File, sum string, size int64) error {
	k.before()
	return k.Keeper.Put(ctx, name, draft, sum, size)
}

// The sweep was faster than the file: it is removed by who brought it.
func TestSweptMeanwhile(t *testing.T) {
	onEachStore(t, wabatest.Options{}, func(b *bench) {
		id := b.file(wabatest.Media{})
		f := b.process(func(o *Options) {
			o.Keep = slowKeeper{b.keep, func() {
				require.NoError(t, b.store.DeleteMedia(t.Context(), b.number.ID, id))
				require.NoError(t, b.Sweep(t.Context()))
			}}
		})
		_, err := f.Open(t.Context(), b.number.BusinessID, b.number.ID, id)
		require.ErrorIs(t, err, models.ErrNotFound)
		require.Empty(t, b.files())
	})
}

// The directory was emptied by somebody: the file is fetched again.
func TestBytesLost(t *testing.T) {
	onEachStore(t, wabatest.Options{}, func(b *bench) {
		id := b.file(wabatest.Media{})
		first := b.read(id)
		for _, name := range b.files() {
			require.NoError(t, os.Remove(filepath.Join(b.dir, name)))
		}
		require.True(t, bytes.Equal(first, b.read(id)))
	})
}

func TestWhoseFile(t *testing.T) {
	onEachStore(t, wabatest.Options{Numbers: []wabatest.Number{{ID: wabatest.DefaultNumberID, Display: wabatest.DefaultDisplay}, {ID: "777", Display: "15550100777"}}}, func(b *bench) {
		theirs := b.file(wabatest.Media{PhoneNumberID: "777"})
		require.Equal(t, Gone, b.refused(theirs).Code, "the platform refuses another number's file")
		for _, id := range []string{"", "..", "../../../etc/passwd", "a/b", "%2e%2e", "a\\b", "a b", "a?b", "a#b", "\x00", strings.Repeat("1", 300)} {
			_, err := b.open(id)
			require.ErrorIs(t, err, models.ErrNotFound, id)
		}
		ours := b.file(wabatest.Media{})
		b.read(ours)
		other, err := b.store.CreateBusiness(t.Context(), "Others")
		require.NoError(t, err)
		_, err = b.Open(t.Context(), other.ID, b.number.ID, ours)
		require.ErrorIs(t, err, models.ErrNotFound)
	})
}

// A file of 100 MB goes through without being held.
func TestHundredMegabytes(t *testing.T) {
	b := setup(t, sqlite(t), wabatest.Options{})
	id := b.file(wabatest.Media{MIME: "application/pdf", Size: 100 << 20})
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, err := b.open(id)
	require.NoError(t, err)
	r, err := f.Read(t.Context(), 0, f.Size)
	require.NoError(t, err)
	n, err := io.Copy(io.Discard, r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.EqualValues(t, 100<<20, n)
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20), "bytes that were ever allocated, the platform's included")
}

func sqlite(t *testing.T) *models.Store {
	t.Helper()
	s, err := models.Open(t.Context(), models.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}
