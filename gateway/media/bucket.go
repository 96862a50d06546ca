package media

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"wabagate/models"
)

// BucketOptions say where a bucket is and who may use it. All but Prefix, Virtual, Drafts and Now are needed.
type BucketOptions struct {
	// Endpoint is the address of the service, such as https://s3.eu-central-1.amazonaws.com or http://minio:9000.
	Endpoint string
	Bucket   string
	Region   string // such as eu-central-1; services without regions take us-east-1 or auto
	Key      string // the id of the access key
	Secret   models.Secret
	// Prefix begins the names of objects, such as "wabagate/media/".
	Prefix string
	// Virtual names the bucket in the host instead of the path, as AWS prefers.
	Virtual bool
	// Drafts is a directory of this machine with room for the files that are under way; empty: that of the system.
	Drafts string
	// Client makes the requests. It should have no timeout for the whole of one, which ends large files.
	Client *http.Client
	// Now is the clock; nil is the wall clock.
	Now func() time.Time
}

// Bucket keeps files in a bucket of S3 or of a service that speaks like it.
type Bucket struct {
	o     BucketOptions
	base  *url.URL
	as    credentials
	clock func() time.Time
}

// noBody is the hash of nothing.
const noBody = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// NewBucket makes a keeper of a bucket. Nothing is asked of the service yet; see [Bucket.Check].
func NewBucket(o BucketOptions) (*Bucket, error) {
	base, err := url.Parse(o.Endpoint)
	switch {
	case err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.RawQuery != "" || base.Fragment != "" || base.User != nil:
		return nil, errors.New("the endpoint of the bucket must be an address such as https://s3.eu-central-1.amazonaws.com")
	case o.Bucket == "" || strings.ContainsAny(o.Bucket, "/?#"):
		return nil, errors.New("the bucket of media needs a name, without a slash")
	case o.Region == "" || o.Key == "" || o.Secret == "" || o.Client == nil:
		return nil, errors.New("the bucket of media needs a region, an access key with its secret, and a client")
	}
	if o.Virtual {
		base.Host = o.Bucket + "." + base.Host
	} else {
		base = base.JoinPath(o.Bucket)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Bucket{o: o, base: base, as: credentials{o.Region, o.Key, o.Secret.Text()}, clock: o.Now}, nil
}

// Check writes, reads and removes a small object, so that a wrong setting shows at the start.
func (b *Bucket) Check(ctx context.Context) error {
	f, err := b.Draft()
	if err != nil {
		return err
	}
	defer discard(f)
	name := fmt.Sprintf("check-%d", b.clock().UnixNano())
	if err := b.Put(ctx, name, f, noBody, 0); err != nil {
		return err
	}
	if has, err := b.Has(ctx, name); err != nil || !has {
		return errors.Join(err, errors.New("the bucket of media does not give back what was put into it"))
	}
	return b.Remove(ctx, name)
}

// do makes a signed request. Whoever gets the response closes its body.
func (b *Bucket) do(ctx context.Context, method, name string, header http.Header, body io.ReaderAt, sum string, size int64) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, b.base.JoinPath(b.o.Prefix+name).String(), nil)
	if err != nil {
		return nil, fmt.Errorf("bucket of media: %w", err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	if size > 0 { // a connection that was closed in the meantime is made again, and reads the body again
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(io.NewSectionReader(body, 0, size)), nil }
		r.Body, _ = r.GetBody()
		r.ContentLength = size
	}
	b.as.sign(r, sum, b.clock())
	res, err := b.o.Client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("bucket of media: %w", err)
	}
	return res, nil
}

// refusal reads what a service has against a request.
func refusal(method string, res *http.Response) error {
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode == http.StatusNotFound {
		return fmt.Errorf("bucket of media: %w", fs.ErrNotExist)
	}
	var said struct{ Code, Message string }
	body, _ := io.ReadAll(io.LimitReader(res.Body, 16<<10)) // a part says enough
	_ = xml.Unmarshal(body, &said)                          // services that say nothing have a status
	return fmt.Errorf("bucket of media: %s was answered %d %s %s", method, res.StatusCode, said.Code, said.Message)
}

// call makes a request whose answer is its status.
func (b *Bucket) call(ctx context.Context, method, name string, body io.ReaderAt, sum string, size int64) error {
	res, err := b.do(ctx, method, name, nil, body, sum, size)
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return refusal(method, res)
	}
	_, _ = io.CopyN(io.Discard, res.Body, 16<<10) // so that the connection can be used again
	return res.Body.Close()
}

// Draft implements [Keeper].
func (b *Bucket) Draft() (*os.File, error) { return os.CreateTemp(b.o.Drafts, "wabagate-media-") }

// Put implements [Keeper]. The service compares what arrives with the hash.
func (b *Bucket) Put(ctx context.Context, name string, draft *os.File, sha256 string, size int64) error {
	return b.call(ctx, http.MethodPut, name, draft, sha256, size)
}

// Has implements [Keeper].
func (b *Bucket) Has(ctx context.Context, name string) (bool, error) {
	err := b.call(ctx, http.MethodHead, name, nil, noBody, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Read implements [Keeper].
func (b *Bucket) Read(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	header := http.Header{}
	if length > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-%d", offset, offset+length-1))
	}
	res, err := b.do(ctx, http.MethodGet, name, header, nil, noBody, 0)
	if err != nil {
		return nil, err
	}
	if whole := res.StatusCode == http.StatusOK && offset == 0; !whole && res.StatusCode != http.StatusPartialContent {
		return nil, refusal(http.MethodGet, res)
	}
	return section{io.LimitReader(res.Body, length), res.Body}, nil
}

// Remove implements [Keeper].
func (b *Bucket) Remove(ctx context.Context, name string) error {
	err := b.call(ctx, http.MethodDelete, name, nil, noBody, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
