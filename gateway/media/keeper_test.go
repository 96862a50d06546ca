package media

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
	"wabagate/waba/wabatest"
)

// service is a bucket that believes nobody: it works out each signature from what arrived, with code of its own.
type service struct {
	t       *testing.T
	prefix  string // of paths
	host    string // that requests must be for; empty: any
	secret  string
	mu      sync.Mutex
	objects map[string][]byte
	refused int
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	sum := sha256.Sum256(body)
	switch {
	case err != nil || s.host != "" && !strings.HasPrefix(r.Host, s.host):
		w.WriteHeader(http.StatusBadRequest)
		return
	case r.Header.Get("X-Amz-Content-Sha256") != hex.EncodeToString(sum[:]):
		http.Error(w, "<Error><Code>XAmzContentSHA256Mismatch</Code><Message>of &lt;body&gt;</Message></Error>", http.StatusBadRequest)
		return
	case !s.genuine(r):
		s.mu.Lock()
		s.refused++
		s.mu.Unlock()
		http.Error(w, "<Error><Code>SignatureDoesNotMatch</Code><Message>The signature is another.</Message></Error>", http.StatusForbidden)
		return
	}
	name, ours := strings.CutPrefix(r.URL.Path, s.prefix)
	if !ours {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	content, known := s.objects[name]
	switch r.Method {
	case http.MethodPut:
		s.objects[name] = body
	case http.MethodDelete:
		delete(s.objects, name)
		w.WriteHeader(http.StatusNoContent)
	default:
		if !known {
			http.Error(w, "<Error><Code>NoSuchKey</Code></Error>", http.StatusNotFound)
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}
}

// genuine works out the signature of a request.
func (s *service) genuine(r *http.Request) bool {
	var credential, signed, signature string
	for part := range strings.SplitSeq(strings.TrimPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 "), ",") {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "Credential":
			credential = value
		case "SignedHeaders":
			signed = value
		case "Signature":
			signature = value
		}
	}
	names := strings.Split(signed, ";")
	for _, must := range []string{"host", "x-amz-date", "x-amz-content-sha256"} {
		if !slices.Contains(names, must) {
			return false
		}
	}
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || time.Since(at).Abs() > 15*time.Minute {
		return false
	}
	key, scope, _ := strings.Cut(credential, "/")
	if key != "the-key" || scope != at.Format("20060102")+"/eu-test-1/s3/aws4_request" {
		return false
	}
	var head strings.Builder
	for _, name := range names {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		fmt.Fprintf(&head, "%s:%s\n", name, value)
	}
	canonical := strings.Join([]string{r.Method, (&url.URL{Path: r.URL.Path}).EscapedPath(), r.URL.RawQuery, head.String(), signed, r.Header.Get("X-Amz-Content-Sha256")}, "\n")
	hash := sha256.Sum256([]byte(canonical))
	sign := func(key []byte, text string) []byte {
		m := hmac.New(sha256.New, key)
		_, _ = m.Write([]byte(text))
		return m.Sum(nil)
	}
	k := sign(sign(sign(sign([]byte("AWS4"+s.secret), at.Format("20060102")), "eu-test-1"), "s3"), "aws4_request")
	text := "AWS4-HMAC-SHA256\n" + r.Header.Get("X-Amz-Date") + "\n" + scope + "\n" + hex.EncodeToString(hash[:])
	return hex.EncodeToString(sign(k, text)) == signature
}

// newService is a service on loopback, and how to use it.
func newService(t *testing.T) (*service, BucketOptions) {
	s := &service{t: t, prefix: "/files/", secret: "the secret", objects: map[string][]byte{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, BucketOptions{Endpoint: server.URL, Bucket: "files", Region: "eu-test-1", Key: "the-key", Secret: "the secret", Prefix: "gateway one/media/",
		Drafts: t.TempDir(), Client: server.Client()}
}

func newBucket(t *testing.T, o BucketOptions) *Bucket {
	t.Helper()
	b, err := NewBucket(o)
	require.NoError(t, err)
	return b
}

// put keeps content under a name.
func put(t *testing.T, k Keeper, name, content string) {
	t.Helper()
	draft, err := k.Draft()
	require.NoError(t, err)
	defer discard(draft)
	_, err = draft.WriteString(content)
	require.NoError(t, err)
	require.NoError(t, k.Put(t.Context(), name, draft, hashOf([]byte(content)), int64(len(content))))
}

// What any keeper promises.
func TestKeepers(t *testing.T) {
	t.Parallel()
	for kind, open := range map[string]func(t *testing.T) (k Keeper, drafts string){
		"directory": func(t *testing.T) (Keeper, string) {
			dir := t.TempDir()
			d, err := OpenDirectory(dir)
			require.NoError(t, err)
			t.Cleanup(func() { _ = d.Close() })
			return d, filepath.Join(dir, drafts)
		},
		"bucket": func(t *testing.T) (Keeper, string) {
			_, o := newService(t)
			return newBucket(t, o), o.Drafts
		},
		"bucket in the host": func(t *testing.T) (Keeper, string) {
			s, o := newService(t)
			s.prefix, s.host, o.Virtual = "/", "files.127.0.0.1", true
			address, _ := url.Parse(o.Endpoint)
			transport := o.Client.Transport.(*http.Transport).Clone()
			transport.Proxy = func(*http.Request) (*url.URL, error) { return address, nil } // no name server knows it
			o.Client = &http.Client{Transport: transport}
			return newBucket(t, o), o.Drafts
		},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			k, drafts := open(t)
			name := nameOf(models.MediaFile{ID: 7, SHA256: hashOf([]byte("content"))})
			has, err := k.Has(t.Context(), name)
			require.NoError(t, err)
			require.False(t, has)
			_, err = k.Read(t.Context(), name, 0, 1)
			require.ErrorIs(t, err, fs.ErrNotExist)
			require.NoError(t, k.Remove(t.Context(), name))

			put(t, k, name, "content")
			put(t, k, name, "content")
			put(t, k, "00/empty-1", "")
			has, err = k.Has(t.Context(), name)
			require.NoError(t, err)
			require.True(t, has)
			for _, c := range []struct {
				offset, length int64
				want           string
			}{{0, 7, "content"}, {0, 3, "con"}, {3, 2, "te"}, {3, 4, "tent"}, {6, 1, "t"}} {
				r, err := k.Read(t.Context(), name, c.offset, c.length)
				require.NoError(t, err)
				got, err := io.ReadAll(r)
				require.NoError(t, errors.Join(err, r.Close()))
				require.Equal(t, c.want, string(got))
			}
			require.NoError(t, k.Remove(t.Context(), name))
			has, err = k.Has(t.Context(), name)
			require.NoError(t, err)
			require.False(t, has)
			left, err := os.ReadDir(drafts)
			require.NoError(t, err)
			require.Empty(t, left, "drafts")
		})
	}
}

// No name leads out of the directory.
func TestDirectoryIsClosed(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	dir := filepath.Join(outside, "media")
	d, err := OpenDirectory(dir)
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Close() })
	require.NoError(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("x"), 0o600))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "out")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "x"), 0o700))
	for _, name := range []string{"../secret", "x/../../secret", "out/secret", filepath.Join(outside, "secret")} {
		has, err := d.Has(t.Context(), name)
		require.False(t, has, name)
		require.Error(t, err, name)
		_, err = d.Read(t.Context(), name, 0, 1)
		require.Error(t, err, name)
		require.Error(t, d.Remove(t.Context(), name), name)
		draft, err := d.Draft()
		require.NoError(t, err)
		require.Error(t, d.Put(t.Context(), name, draft, "", 0), name)
		discard(draft)
	}
	kept, err := os.ReadFile(filepath.Join(outside, "secret"))
	require.NoError(t, err)
	require.Equal(t, "x", string(kept))
}

// What a process that died left behind goes when another starts; what another is writing stays.
func TestAbandonedDrafts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, err := OpenDirectory(dir)
	require.NoError(t, err)
	require.NoError(t, d.Close())
	old, fresh := filepath.Join(dir, drafts, "old"), filepath.Join(dir, drafts, "fresh")
	for _, name := range []string{old, fresh} {
		require.NoError(t, os.WriteFile(name, nil, 0o600))
	}
	require.NoError(t, os.Chtimes(old, time.Time{}, time.Now().Add(-2*abandoned)))
	d, err = OpenDirectory(dir)
	require.NoError(t, err)
	require.NoError(t, d.Close())
	require.NoFileExists(t, old)
	require.FileExists(t, fresh)
}

func TestBucketTrouble(t *testing.T) {
	t.Parallel()
	s, o := newService(t)
	require.NoError(t, newBucket(t, o).Check(t.Context()))
	require.Empty(t, s.objects)

	wrong := o
	wrong.Secret = "a wrong secret"
	err := newBucket(t, wrong).Check(t.Context())
	require.ErrorContains(t, err, "403 SignatureDoesNotMatch")
	require.NotContains(t, err.Error(), "a wrong secret")
	require.Equal(t, 1, s.refused)

	draft, err := newBucket(t, o).Draft()
	require.NoError(t, err)
	defer discard(draft)
	_, err = draft.WriteString("content")
	require.NoError(t, err)
	require.ErrorContains(t, newBucket(t, o).Put(t.Context(), "x", draft, hashOf([]byte("other")), 7), "XAmzContentSHA256Mismatch")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, newBucket(t, o).Check(ctx), context.Canceled)

	for name, spoil := range map[string]func(*BucketOptions){
		"no address":   func(o *BucketOptions) { o.Endpoint = "s3.example.com" },
		"credentials":  func(o *BucketOptions) { o.Endpoint = "https://a:b@s3.example.com" },
		"no bucket":    func(o *BucketOptions) { o.Bucket = "" },
		"two buckets":  func(o *BucketOptions) { o.Bucket = "a/b" },
		"no region":    func(o *BucketOptions) { o.Region = "" },
		"no key":       func(o *BucketOptions) { o.Key = "" },
		"no secret":    func(o *BucketOptions) { o.Secret = "" },
		"nobody calls": func(o *BucketOptions) { o.Client = nil },
	} {
		bad := o
		spoil(&bad)
		_, err := NewBucket(bad)
		require.Error(t, err, name)
	}
}

// Files work with a bucket as they do with a directory.
func TestFilesInBucket(t *testing.T) {
	s, o := newService(t)
	b := setup(t, sqlite(t), wabatest.Options{}, func(f *Options) { f.Keep = newBucket(t, o) })
	id := b.file(wabatest.Media{Size: 200_000})
	require.Len(t, b.read(id), 200_000)
	require.Len(t, s.objects, 1)
	require.NoError(t, b.Delete(t.Context(), b.number.BusinessID, b.number.ID, id))
	require.NoError(t, b.Sweep(t.Context()))
	require.Empty(t, s.objects)
}
