"""From incidents to causes: ranked, with evidence, or the honest word that none was found."""
