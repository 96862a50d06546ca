package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"wabagate/fanout/deliver"
)

// lookAtNames tries whether names are resolved, by those that every deployment needs.
func (d *doctor) lookAtNames(ctx context.Context) {
	for _, raw := range d.Upstreams {
		u, err := url.Parse(raw)
		if err != nil {
			continue // the settings were checked
		}
		_, err = d.addresses(ctx, u.Hostname())
		d.say(judgeName(u.Hostname(), err))
	}
}

func judgeName(host string, err error) Finding {
	const check = "dns"
	if err == nil {
		return fine(check, "%s resolves", host)
	}
	if dns := (*net.DNSError)(nil); errors.As(err, &dns) && dns.IsNotFound {
		return warning(check, host+" does not resolve: messages cannot be sent, and no number be looked after", "correct WABAGATE_GRAPH_URL, or let the resolver of this machine find it")
	}
	return warning(check, "the resolver gives no answer for "+host+": "+err.Error(), "look at /etc/resolv.conf, and at firewalls and network policies for port 53")
}

// metadata are addresses at which clouds give their machines' credentials to who asks.
var metadata = []string{"169.254.169.254", "168.63.129.16", "fd00:ec2::254", "fd20:ce::254"}

// egress is what customers' URLs may reach although it is not public.
type egress struct {
	// Allowed is WABAGATE_ALLOW_PRIVATE, and how many things it names.
	Allowed string
	Entries int
	HTTP    bool
	// Open are addresses that must never be reached, and can be.
	Open []string
	// Stores are the hosts of the database and of Redis whose addresses can be reached.
	Stores []string
}

// lookAtGuard asks the guard for what it must refuse.
func (d *doctor) lookAtGuard(ctx context.Context) {
	e := egress{Allowed: d.Allowed.String(), Entries: len(d.Allowed.Prefixes) + len(d.Allowed.Hosts), HTTP: d.AllowHTTP}
	for _, a := range metadata {
		if d.guard.Check(netip.MustParseAddr(a)) == nil {
			e.Open = append(e.Open, a)
		}
	}
	closed := deliver.NewGuard(deliver.Allowed{}, false)
	for _, host := range d.storeHosts() {
		found, err := d.addresses(ctx, host)
		if err == nil && slices.ContainsFunc(found, func(a netip.Addr) bool { return d.guard.Check(a) == nil && closed.Check(a) != nil }) {
			e.Stores = append(e.Stores, host)
		}
	}
	d.say(judgeEgress(e, d.embedded())...)
}

// storeHosts are the hosts of the database and of Redis, each once.
func (d *doctor) storeHosts() []string {
	var hosts []string
	if d.Database.DatabaseURL != "" {
		if cfg, err := pgx.ParseConfig(d.Database.DatabaseURL.Text()); err == nil && !strings.HasPrefix(cfg.Host, "/") {
			hosts = append(hosts, cfg.Host)
		}
	}
	if d.Redis != nil {
		for _, addr := range d.Redis.Addrs {
			if host, _, err := net.SplitHostPort(addr); err == nil {
				hosts = append(hosts, host)
			}
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

func judgeEgress(e egress, embedded bool) []Finding {
	const check = "egress guard"
	var fs []Finding
	if len(e.Open) > 0 {
		fs = append(fs, wrong(check, "customers' URLs can reach the cloud's metadata at "+strings.Join(e.Open, ", ")+", which gives out this machine's credentials", "name narrower ranges in WABAGATE_ALLOW_PRIVATE"))
	}
	if len(e.Stores) > 0 {
		fs = append(fs, wrong(check, "customers' URLs can reach the stores at "+strings.Join(e.Stores, ", "), "name narrower ranges in WABAGATE_ALLOW_PRIVATE, without the stores"))
	}
	if e.HTTP {
		fs = append(fs, warning(check, "WABAGATE_ALLOW_HTTP lets customers' messages go out unencrypted", "unset it once every receiver has https"))
	}
	switch {
	case len(fs) > 0:
	case e.Entries == 0:
		fs = append(fs, fine(check, "private, loopback and metadata addresses are refused"))
	case embedded:
		fs = append(fs, fine(check, "customers' URLs may reach %s, which is for trials", e.Allowed))
	default:
		fs = append(fs, warning(check, "customers' URLs may reach "+e.Allowed, "nothing, if every business may see what is there; else name narrower ranges in WABAGATE_ALLOW_PRIVATE"))
	}
	return fs
}

// judgePublicURL judges the form of the address that people and the platform know.
func judgePublicURL(raw string, embedded, proxied bool) []Finding {
	const check = "public url"
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" {
		return []Finding{wrong(check, fmt.Sprintf("%q is no address", raw), "set WABAGATE_PUBLIC_URL to https://your-host")}
	}
	host := u.Hostname()
	a, notAddress := netip.ParseAddr(host)
	switch loopback := host == "localhost" || strings.HasSuffix(host, ".localhost") || notAddress == nil && a.IsLoopback(); {
	case loopback && embedded:
		return []Finding{fine(check, "%s, for trials on this machine", raw)}
	case loopback:
		return []Finding{wrong(check, raw+" leads nobody else here: links to files and invitations do not work", "set WABAGATE_PUBLIC_URL to the address that people use")}
	case u.Scheme != "https":
		return []Finding{wrong(check, raw+" is not encrypted: passwords and session cookies can be read on the way, and the platform posts to https alone", "put a reverse proxy with TLS in front (deploy/proxy), and set WABAGATE_PUBLIC_URL to https://…")}
	case u.Path != "":
		return []Finding{wrong(check, raw+" has a path, and the gateway answers at / alone", "give it a host name of its own")}
	case !proxied:
		return []Finding{warning(check, raw+" needs a reverse proxy, and WABAGATE_TRUSTED_PROXIES names none: whoever fails to log in locks out all, and the audit log knows one address", "name the proxy's addresses in WABAGATE_TRUSTED_PROXIES")}
	}
	return []Finding{fine(check, "%s", raw)}
}

// lookAtPublicURL asks the gateway for its health as people reach it.
func (d *doctor) lookAtPublicURL(ctx context.Context) {
	u, err := url.Parse(d.PublicURL)
	if err != nil || u.Hostname() == "" || d.embedded() {
		return
	}
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: d.Roots, MinVersion: tls.VersionTLS12},
		DialContext: (&net.Dialer{Resolver: d.Resolver, Timeout: 3 * time.Second}).DialContext}}
	answer, expires, err := health(ctx, client, d.PublicURL)
	d.say(judgeHealth(d.PublicURL, answer, expires, err, d.Now()))
}

// health is what the gateway answers, and until when its certificate is valid; zero without TLS.
func health(ctx context.Context, client *http.Client, base string) (answer string, expires time.Time, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/healthz", nil)
	if err != nil {
		return "", expires, err
	}
	res, err := client.Do(req)
	if err != nil {
		return "", expires, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.TLS != nil && len(res.TLS.PeerCertificates) > 0 {
		expires = res.TLS.PeerCertificates[0].NotAfter
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 64))
	return fmt.Sprintf("%d %s", res.StatusCode, strings.TrimSpace(string(body))), expires, err
}

func judgeHealth(base, answer string, expires time.Time, err error, now time.Time) Finding {
	const check = "public url health"
	if cert := (*tls.CertificateVerificationError)(nil); errors.As(err, &cert) {
		return wrong(check, base+" has a certificate that the platform refuses: "+cert.Err.Error(), "give the reverse proxy a certificate for its host name, with its whole chain")
	}
	switch {
	case err != nil:
		return warning(check, base+" is not reached from here: "+cause(err), "look whether it is reached from outside: curl "+base+"/healthz")
	case answer != "200 ok":
		return wrong(check, base+"/healthz answers "+quoted(answer)+": something else is there", "let the reverse proxy pass everything on to the gateway")
	case !expires.IsZero() && expires.Sub(now) < certificateSoon:
		return warning(check, base+" has a certificate that expires on "+expires.UTC().Format(time.DateOnly), "renew it")
	}
	return fine(check, "%s answers", base)
}

// quoted shows what a stranger answered: short, and without control characters.
func quoted(s string) string { return fmt.Sprintf("%.60q", s) }

// cause is an error of net/http without the request that it repeats.
func cause(err error) string {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err.Error()
	}
	return err.Error()
}
