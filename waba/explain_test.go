package waba_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"wabagate/waba"
)

// explained lists every error code that the platform's page names, with what it calls for. A range stands for its
// bounds.
var explained = map[waba.Action]string{
	waba.ActionRetry: "1 2 4 80007 130429 131000 131016 131056 131057 133000 133004 134101 2494100 429 500 1000 1014 1015 1018",
	waba.ActionLater: "131049 132069 133008 133009 133015 133016 138012",
	waba.ActionFix: "0 190 3 10 200-299 33 100 130403 131005 131008 131009 131021 131030 131020 131041 131201-131215 131045 133010 131047 " +
		"131051 131053 131055 131063 134100 131059 135000 131062 132000 132008 132012 132018 132001 132005 132007 133005 133006 136024 134102 " +
		"137000 138000-138005 138006 138007-138011 138013-138018 139000-139004 139100-139103 147001-147005 2046 2047 2388019 2388039 2388040 " +
		"2388047 2388072 2388073 2388293 2388299 2593107-2593109 400 430-433 470 480 1004 1005 1006 1008 1009 1010 1021 1022-1025 2000-2005",
	waba.ActionUser:    "130472 131026 131050 131052 408 410 472 1002 1026 1013",
	waba.ActionAccount: "368 131031 130497 131037 131042 131044 131048 131064 132015 132016 132068 134011 402 471",
}

// resendable are the only codes that prove that nothing was sent.
var resendable = []string{"4", "80007", "130429", "131056", "131057"}

func TestExplain(t *testing.T) {
	t.Parallel()
	for action, codes := range explained {
		for _, codes := range strings.Fields(codes) {
			for code := range strings.SplitSeq(codes, "-") {
				e, ok := waba.Explain(code)
				if !ok || e.Action != action || e.Topic == "" {
					t.Errorf("Explain(%s) is %+v, %v", code, e, ok)
				}
				if !strings.HasSuffix(e.Advice, ".") || strings.Count(e.Advice, ". ") > 0 {
					t.Errorf("the advice of %s is not one sentence: %q", code, e.Advice)
				}
				if e.Resend != slices.Contains(resendable, code) {
					t.Errorf("resend of %s is %v", code, e.Resend)
				}
			}
		}
	}
}

// TestExplainBounds looks just outside of the ranges, and at what is no code.
func TestExplainBounds(t *testing.T) {
	t.Parallel()
	for _, code := range []string{
		"199", "300", "131200", "131216", "137999", "138019", "138999", "139005", "139099", "139104", "147000", "147006", "2593106", "2593110",
		"429.0", "434", "1003", "1027", "1999", "2006", "131", "-1", "+4", "", "four", "99999999999999999999",
	} {
		if e, ok := waba.Explain(code); ok || e != (waba.Explanation{}) {
			t.Errorf("Explain(%q) is %+v", code, e)
		}
	}
	for n := 200; n <= 299; n++ {
		if e, _ := waba.Explain(strconv.Itoa(n)); e.Topic != "permission" {
			t.Errorf("Explain(%d) is %+v", n, e)
		}
	}
}
