package media

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// The examples of the AWS documentation, "Signature Calculations for the Authorization Header: Transferring Payload in a
// Single Chunk".
func TestSignature(t *testing.T) {
	t.Parallel()
	as := credentials{region: "us-east-1", key: "AKIAIOSFODNN7EXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
	now := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		method, address string
		header          map[string]string
		sum, want       string
	}{
		"get": {"GET", "https://examplebucket.s3.amazonaws.com/test.txt", map[string]string{"Range": "bytes=0-9"}, noBody,
			"f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
		"put": {"PUT", "https://examplebucket.s3.amazonaws.com/test$file.text", map[string]string{"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
			"44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
		"lifecycle": {"GET", "https://examplebucket.s3.amazonaws.com/?lifecycle", nil, noBody,
			"fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
		"list": {"GET", "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J", nil, noBody,
			"34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
	} {
		r, err := http.NewRequest(c.method, c.address, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range c.header {
			r.Header.Set(name, value)
		}
		as.sign(r, c.sum, now)
		if got := r.Header.Get("Authorization"); !strings.HasSuffix(got, "Signature="+c.want) ||
			!strings.HasPrefix(got, "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=") {
			t.Errorf("%s: %s", name, got)
		}
	}
}
