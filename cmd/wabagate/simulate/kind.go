package simulate

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"wabagate/fanout/near"
	"wabagate/waba/simulator"
)

// AllKinds stands for one of every kind.
const AllKinds = "all"

// PrintKinds writes the table of everything that can be sent.
func PrintKinds(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KIND\tFIELD\tABOUT")
	for _, kind := range simulator.Kinds() {
		field := kind.Field
		if kind.OnPremises {
			field = "(On-Premises)"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", kind.Name, field, kind.About)
	}
	return table.Flush()
}

// expandKinds checks the kinds asked for, and makes the count theirs.
func (o *Options) expandKinds() error {
	if len(o.Kinds) == 0 {
		return nil
	}
	if o.Large {
		return fmt.Errorf("--large does not go with --kind, which sends one of each and nothing else")
	}
	var names []string
	for _, name := range o.Kinds {
		if name == AllKinds {
			names = append(names, kindsOf(o.Simulator.OnPremises)...)
			continue
		}
		if err := o.checkKind(name); err != nil {
			return err
		}
		names = append(names, name)
	}
	o.Kinds = names
	o.Count = (len(names) + o.Batch - 1) / o.Batch
	return nil
}

// kindsOf lists the kinds of one style.
func kindsOf(onPremises bool) []string {
	var names []string
	for _, kind := range simulator.Kinds() {
		if kind.OnPremises == onPremises {
			names = append(names, kind.Name)
		}
	}
	return names
}

func (o *Options) checkKind(name string) error {
	for _, kind := range simulator.Kinds() {
		switch {
		case kind.Name != name:
		case kind.OnPremises && !o.Simulator.OnPremises:
			return fmt.Errorf("--kind %s is of the On-Premises style, which is posted to the address of a number: name its token with --onprem", name)
		case !kind.OnPremises && o.Simulator.OnPremises:
			return fmt.Errorf("--kind %s has no On-Premises form; those that have begin with onprem_ (--kinds lists all)", name)
		default:
			return nil
		}
	}
	near := nearKinds(name)
	if len(near) == 0 {
		return fmt.Errorf("--kind %s: nothing is called so; --kinds lists what there is", name)
	}
	return fmt.Errorf("--kind %s: nothing is called so; did you mean %s? --kinds lists what there is", name, strings.Join(near, ", "))
}

// nearKinds are kinds whose names look most like a wrong one.
func nearKinds(wrong string) []string {
	var names []string
	for _, kind := range simulator.Kinds() {
		names = append(names, kind.Name)
	}
	return near.Names(strings.NewReplacer("-", "_", ".", "_", " ", "_").Replace(wrong), names)
}

// factsOf makes one fact of each kind; nil of none.
func factsOf(sim *simulator.Simulator, kinds []string) ([]simulator.Fact, error) {
	var facts []simulator.Fact
	for _, name := range kinds {
		fact, err := sim.Kind(name)
		if err != nil {
			return nil, err
		}
		facts = append(facts, fact)
	}
	return facts, nil
}
