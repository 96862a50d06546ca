package trace

import (
	"encoding/json"
	"strconv"
	"time"
)

// The message ExportTraceServiceRequest of OTLP, in its JSON: ids are hexadecimal, 64-bit numbers are texts.
type (
	exportRequest struct {
		ResourceSpans []resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource   resource     `json:"resource"`
		ScopeSpans []scopeSpans `json:"scopeSpans"`
	}
	resource struct {
		Attributes []attribute `json:"attributes"`
	}
	scopeSpans struct {
		Scope scope  `json:"scope"`
		Spans []span `json:"spans"`
	}
	scope struct {
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
	}
	span struct {
		TraceID    ID          `json:"traceId"`
		SpanID     SpanID      `json:"spanId"`
		ParentID   SpanID      `json:"parentSpanId"`
		Name       string      `json:"name"`
		Kind       Kind        `json:"kind"`
		Start      string      `json:"startTimeUnixNano"`
		End        string      `json:"endTimeUnixNano"`
		Attributes []attribute `json:"attributes,omitempty"`
		Status     status      `json:"status"`
	}
	attribute struct {
		Key   string `json:"key"`
		Value value  `json:"value"`
	}
	value struct {
		Text *string `json:"stringValue,omitempty"`
		N    *string `json:"intValue,omitempty"`
	}
	status struct {
		Code    int    `json:"code,omitempty"`
		Message string `json:"message,omitempty"`
	}
)

// statusError is OTLP's code for a step that failed.
const statusError = 2

func encode(o Options, spans []Span) ([]byte, error) {
	list := make([]span, len(spans))
	for i, s := range spans {
		list[i] = span{TraceID: s.Trace, SpanID: s.ID, ParentID: s.Parent, Name: s.Name, Kind: s.Kind, Start: nanos(s.Start), End: nanos(s.End), Attributes: attributes(s.Attributes)}
		if s.Failure != "" {
			list[i].Status = status{statusError, s.Failure}
		}
	}
	about := attributes([]Attribute{{Key: "service.name", Text: "wabagate"}, {Key: "service.version", Text: o.Version}, {Key: "service.instance.id", Text: o.Instance}})
	return json.Marshal(exportRequest{[]resourceSpans{{Resource: resource{about}, ScopeSpans: []scopeSpans{{Scope: scope{Name: "wabagate", Version: o.Version}, Spans: list}}}}})
}

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

func attributes(as []Attribute) []attribute {
	list := make([]attribute, len(as))
	for i, a := range as {
		list[i].Key = a.Key
		if a.Text != "" {
			list[i].Value.Text = &a.Text
			continue
		}
		n := strconv.FormatInt(a.N, 10)
		list[i].Value.N = &n
	}
	return list
}
