"""From runs to an integer network: training, given and shipped estimators, narrower words, cards, judgement."""
