// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.gate;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * Named, disjoint ranges of host addresses in ascending order: for dumps, gdb and perf. Immutable.
 */
public final class SymbolMap {
    private final List<Symbol> symbols;

    /**
     * A named range of emitted code.
     *
     * @param name stub name as in {@link GateCode}
     * @param startHva first byte
     * @param endHva byte after the last
     */
    public record Symbol(String name, long startHva, long endHva) {}

    SymbolMap(List<Symbol> symbols) {
        for (int i = 1; i < symbols.size(); i++) {
            if (symbols.get(i - 1).endHva() > symbols.get(i).startHva()) {
                throw new IllegalArgumentException("symbols overlap: " + symbols.get(i));
            }
        }
        this.symbols = Collections.unmodifiableList(new ArrayList<>(symbols));
    }

    /** All symbols in ascending order. */
    public List<Symbol> symbols() {
        return symbols;
    }

    /** The symbol whose range holds the address, or null. */
    public Symbol at(long hva) {
        for (Symbol symbol : symbols) {
            if (hva >= symbol.startHva() && hva < symbol.endHva()) {
                return symbol;
            }
        }
        return null;
    }

    /** The symbol of a name; fails if there is none. */
    public Symbol named(String name) {
        for (Symbol symbol : symbols) {
            if (symbol.name().equals(name)) {
                return symbol;
            }
        }
        throw new IllegalArgumentException("no such symbol: name=" + name);
    }

    /** {@code name+0xoffset} of an address, or its hexadecimal form outside all symbols. */
    public String describe(long hva) {
        Symbol symbol = at(hva);
        return symbol == null
                ? "0x" + Long.toHexString(hva)
                : symbol.name() + "+0x" + Long.toHexString(hva - symbol.startHva());
    }
}
